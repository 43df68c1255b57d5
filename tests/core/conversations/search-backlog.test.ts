import { expect, test } from 'vitest'
import type { ConversationPage } from '#core/contracts/conversations.ts'
import { indexBacklog } from '#core/features/conversations/search.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { aConversation, aVisitor } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

/** How what was said gets into the index. */

const found = async (agent: AgentActor, query: string) => {
  const page = await agent.http.get<ConversationPage>(
    `/conversations?view=all&query=${encodeURIComponent(query)}`,
  )
  return page.conversations.map(({ id }) => id)
}

/** Lines that wait to be indexed, of a chat each, or all of one group. */
async function waiting(
  foyer: TestFoyer,
  texts: string[],
  { groups }: { groups: 'one' | 'each' },
): Promise<void> {
  const { pool, site, clock } = foyer
  const now = clock.now()
  const visitor = await aVisitor(pool, now, { siteId: site.id })
  const id = await aConversation(pool, now, {
    siteId: site.id,
    visitorId: visitor.id,
    status: 'missed',
    texts,
  })
  const places = texts.map((_, place) => place + 1)
  for (const seqs of groups === 'one' ? [places] : places.map((place) => [place]))
    await pool.query('insert into search_backlog (conversation_ids, seqs, at) values ($1, $2, $3)', [
      seqs.map(() => id),
      seqs,
      now,
    ])
}

/** How many documents hold each of these words. */
async function documentsWith(foyer: TestFoyer, words: string[]): Promise<number[]> {
  const { rows } = await foyer.pool.query<{ n: number }>(
    `select count(d.id)::int as n from unnest($1::text[]) with ordinality as w (word, place)
     left join search_documents d on d.words @@ w.word::tsquery group by w.place order by w.place`,
    [words],
  )
  return rows.map(({ n }) => n)
}

/** Different letters of which each pair is a word, as many as there are in a long message. */
const longLine = (word: string) =>
  `${word} ${String.fromCharCode(...Array.from({ length: 9_980 }, (_, at) => 0x4e00 + ((at * 7_919) % 20_000)))}`

test('long lines are taken in parts, and short ones many at once', async () => {
  const foyer = await startFoyer({ workers: false })
  const { services } = foyer.app
  const short = Array.from(
    { length: 9_000 },
    (_, n) => `short${n} and what is said in a line of an ordinary chat`,
  )
  await waiting(foyer, short, { groups: 'one' })
  expect(await indexBacklog(services)).toEqual({ lines: 9_000, mayBeMore: false })

  const words = Array.from({ length: 160 }, (_, n) => `long${n}`)
  await waiting(foyer, words.map(longLine), { groups: 'one' })
  const first = await indexBacklog(services)
  expect(first.mayBeMore).toBe(true)
  expect(first.lines).toBeLessThan(150)
  let { lines } = first
  for (let mayBeMore = true; mayBeMore; ) {
    const next = await indexBacklog(services)
    lines += next.lines
    mayBeMore = next.mayBeMore
  }
  expect(lines).toBe(160)
  expect(new Set(await documentsWith(foyer, words))).toEqual(new Set([1]))
  await foyer.close()
})

test('what there is no time for goes back, and comes the next time', async () => {
  const foyer = await startFoyer({ workers: false })
  const words = Array.from({ length: 100 }, (_, n) => `word${n}`)
  await waiting(foyer, words, { groups: 'one' })
  const calls: number[] = []
  for (let mayBeMore = true; mayBeMore; ) {
    const indexed = await indexBacklog(foyer.app.services, { cutForMs: 0 })
    calls.push(indexed.lines)
    mayBeMore = indexed.mayBeMore
  }
  // a document each time
  expect(calls.length).toBeGreaterThanOrEqual(5)
  expect(calls.reduce((sum, lines) => sum + lines)).toBe(100)
  expect(new Set(await documentsWith(foyer, words))).toEqual(new Set([1]))
  expect((await foyer.pool.query('select from search_backlog')).rowCount).toBe(0)
  await foyer.close()
})

test.each([
  {
    what: 'a statement takes too long',
    trigger: `after insert on search_documents referencing new table as rows`,
    does: `raise exception 'too long' using errcode = '57014'`,
  },
  {
    what: 'PostgreSQL has ended the session while words were cut',
    trigger: `after delete on search_backlog referencing old table as rows`,
    does: `perform set_config('idle_in_transaction_session_timeout', '1', true)`,
  },
])('where $what, less is taken at once', async ({ trigger, does }) => {
  const foyer = await startFoyer({ workers: false })
  await foyer.pool.query(`
    create function hinder() returns trigger language plpgsql as $$
    begin if (select count(*) from rows) > 1 then ${does}; end if; return null; end $$;
    create trigger hinder ${trigger} for each statement execute function hinder()`)
  const words = Array.from({ length: 14 }, (_, n) => `word${n}`)
  await waiting(foyer, words.map(longLine), { groups: 'each' })
  for (let mayBeMore = true; mayBeMore; ) mayBeMore = (await indexBacklog(foyer.app.services)).mayBeMore
  expect(new Set(await documentsWith(foyer, words))).toEqual(new Set([1]))
  await foyer.close()
})

test('what nobody can read does not keep what others said from being found', async () => {
  const foyer = await startFoyer({ workers: false, settings: { limits: { visitorBurst: 100 } } })
  const { visitor, agent, id } = await foyer.chat({ first: `x${'\u{10428}'.repeat(150)} marmalade` })
  // more different pairs of letters than one tsvector holds
  let seed = 1
  const letter = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return 0x4e00 + (seed % 20_000)
  }
  const noise = () => String.fromCharCode(...Array.from({ length: 9_990 }, letter))
  // it sorts after all of them
  for (let n = 0; n < 40; n++) await visitor.says(`${noise()} ${n === 25 ? '펠리컨' : ''}`)
  while ((await indexBacklog(foyer.app.services)).mayBeMore);
  for (const query of ['marmalade', '펠리컨']) expect(await found(agent, query)).toContain(id)
  // a backup reads them
  await foyer.pool.query('select words::text from search_documents')
})

test('words are taken up once, however many take them up at the same time', async () => {
  const foyer = await startFoyer({ workers: false, settings: { limits: { visitorBurst: 100 } } })
  const { visitor, id } = await foyer.chat()
  for (let n = 0; n < 30; n++) await visitor.says(`platypus ${n}`)
  await Promise.all(Array.from({ length: 6 }, () => indexBacklog(foyer.app.services)))
  await waitFor('the backlog to be empty', async () => !(await indexBacklog(foyer.app.services)).mayBeMore)
  const { rows } = await foyer.pool.query(
    `select e.seq, count(d.id)::int as documents from entries e
     join search_documents d on d.conversation_id = e.conversation_id and d.words @@ split_part(e.text, ' ', 2)::tsquery
     where e.conversation_id = $1 and e.text like 'platypus %' group by e.seq`,
    [id],
  )
  expect(rows).toHaveLength(30)
  for (const row of rows) expect(row.documents).toBe(1)
})

test('a chat that is being deleted leaves no words behind', async () => {
  const foyer = await startFoyer({ workers: false })
  const { id } = await foyer.chat({ first: 'platypus' })
  const deleting = await foyer.pool.connect()
  await deleting.query('begin')
  await deleting.query('delete from offers where conversation_id = $1', [id])
  await deleting.query('delete from conversations where id = $1', [id])
  const indexing = indexBacklog(foyer.app.services)
  await waitFor('the indexer to wait for the deletion', async () => {
    const { rows } = await foyer.pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length > 0
  })
  await deleting.query('commit')
  deleting.release()
  await indexing
  expect((await foyer.pool.query('select from search_documents')).rowCount).toBe(0)
  expect((await foyer.pool.query('select from search_backlog')).rowCount).toBe(0)
})

test('what the database refuses to index holds up nothing else', async () => {
  const foyer = await startFoyer({ workers: false })
  const { visitor, agent } = await foyer.chat()
  await foyer.pool.query(`
    create function refuse_poison() returns trigger language plpgsql as $$
    begin if new.words @@ 'poison' then raise exception 'no' using errcode = '22021'; end if; return new; end $$;
    create trigger refuse_poison before insert on search_documents for each row execute function refuse_poison()`)
  for (const text of ['before', 'poison', 'behind']) await visitor.says(text)
  await waitFor('the backlog to be empty', async () => !(await indexBacklog(foyer.app.services)).mayBeMore)
  expect((await found(agent, 'before')).length + (await found(agent, 'behind')).length).toBe(2)
  expect(await found(agent, 'poison')).toEqual([])
  const { rows } = await foyer.pool.query('select from search_backlog')
  expect(rows).toEqual([])
})

import { setImmediate } from 'node:timers/promises'
import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import { knownEmail } from '../visitors/known.ts'
import { portionsOf, queryOf } from './words.ts'

const sliceSize = 250_000
const maxMatches = 50

/**
 * The newest conversations, at most 50, whose visitor's name, e-mail or company holds `query`, or in which all of its
 * words were said at about the same time. Words are looked up slice by slice, newest first, so that a word nobody wrote costs a few
 * index look-ups instead of a walk over everything (PERFORMANCE: 1,585 ms against 1 to 20).
 * @param where what may be found: a condition over `c` (conversations).
 */
export async function findMatches(db: Db, query: string, where: RawBuilder<unknown>): Promise<string[]> {
  const [people, words] = await Promise.all([findByVisitor(db, query, where), findByWords(db, query, where)])
  return [...new Set([...people, ...words])]
}

/** Beyond so many visitors reading all their conversations takes longer than walking back from the newest one. */
const manyVisitors = 2_000
const firstStep = 200
const furtherStep = 2_000

/** The newest conversations of visitors whose name, e-mail or company holds the query: as they gave it, as an agent
 *  corrected it, as the directory says. Each of the three has an index of its own, and an `or` between them would use
 *  none. Three letters in a row are what an index of trigrams can narrow down; of fewer, visitors are read until there
 *  are many. */
async function findByVisitor(db: Db, query: string, where: RawBuilder<unknown>): Promise<string[]> {
  const pattern = `%${query.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
  const visitors = await visitorsLike(db, pattern)
  return visitors.length <= manyVisitors ? newestOf(db, visitors, where) : walkBack(db, pattern, where)
}

const given = (v: string) =>
  sql.raw(
    `lower(coalesce(${v}.name, '') || ' ' || coalesce(${v}.email, '') || ' ' || coalesce(${v}.company, ''))`,
  )
const corrected = sql.raw(
  `lower(coalesce(v.corrections ->> 'name', '') || ' ' || coalesce(v.corrections ->> 'email', '') || ' ' || coalesce(v.corrections ->> 'company', ''))`,
)
const inDirectory = (pattern: string) => sql<{ email: string }>`
  select p.email from people p
  where lower(coalesce(p.name, '') || ' ' || p.email || ' ' || coalesce(p.company, '')) like ${pattern} limit 500`

/** @returns the ids, of which one may be there twice; more than `manyVisitors` if there are more. */
async function visitorsLike(db: Db, pattern: string): Promise<string[]> {
  const most = sql.lit(manyVisitors + 1)
  const { rows } = await sql<{ id: string }>`
    (select v.id from visitors v where ${given('v')} like ${pattern} limit ${most})
    union all
    (select v.id from visitors v where v.corrections <> '{}' and ${corrected} like ${pattern} limit ${most})
    union all
    (select v.id from visitors v where ${knownEmail()} = any (array(${inDirectory(pattern)})) limit ${most})`.execute(
    db,
  )
  return rows.map(({ id }) => id)
}

async function newestOf(db: Db, visitorIds: string[], where: RawBuilder<unknown>): Promise<string[]> {
  if (visitorIds.length === 0) return []
  const { rows } = await sql<{ id: string }>`
    select c.id from conversations c where c.visitor_id = any (${visitorIds}::uuid[]) and ${where}
    order by c.last_at desc limit ${maxMatches}`.execute(db)
  return rows.map(({ id }) => id)
}

/** For what so many visitors have that the newest conversations are soon enough: the open ones, then the others from the
 *  one that ended last. */
async function walkBack(db: Db, pattern: string, where: RawBuilder<unknown>): Promise<string[]> {
  const { rows: people } = await inDirectory(pattern).execute(db)
  const emails = people.map(({ email }) => email)
  const found: string[] = []
  const keep = async (walked: Walked[]) => {
    const { rows } = await sql<{ id: string }>`
      select w.id from unnest(${walked.map(({ id }) => id)}::uuid[], ${walked.map((one) => one.visitorId)}::uuid[])
        with ordinality as w (id, visitor_id, place) join visitors v on v.id = w.visitor_id
      where ${given('v')} like ${pattern} or (v.corrections <> '{}' and ${corrected} like ${pattern})
        or ${knownEmail()} = any (${emails}::text[])
      order by w.place limit ${maxMatches - found.length}`.execute(db)
    found.push(...rows.map(({ id }) => id))
  }
  const { rows: open } = await sql<Walked>`
    select c.id, c.visitor_id, c.last_at as at from conversations c
    where c.status in ('waiting', 'active') and ${where} order by c.last_at desc`.execute(db)
  await keep(open)
  let last: Walked | undefined
  for (let step = firstStep; found.length < maxMatches; step = furtherStep) {
    const from: RawBuilder<unknown> = last
      ? sql`(c.ended_at, c.id) < (${last.at}, ${last.id}::uuid)`
      : sql`true`
    const { rows: walked } = await sql<Walked>`
      select c.id, c.visitor_id, c.ended_at as at from conversations c
      where c.status in ('ended', 'missed') and ${from} and ${where}
      order by c.ended_at desc, c.id desc limit ${step}`.execute(db)
    await keep(walked)
    last = walked.at(-1)
    if (walked.length < step) break
  }
  return found
}

interface Walked {
  id: string
  visitorId: string
  at: Date
}

async function findByWords(db: Db, query: string, where: RawBuilder<unknown>): Promise<string[]> {
  const words = queryOf(query)
  if (!words) return []
  const { rows: heads } = await sql<{
    newest: number
  }>`select coalesce(max(id), 0) as newest from search_documents`.execute(db)
  const found: string[] = []
  for (
    let slice = Math.trunc((heads[0]?.newest ?? 0) / sliceSize);
    slice >= 0 && found.length < maxMatches;
    slice--
  ) {
    const { rows } = await sql<{ id: string }>`
      select c.id from (
        select conversation_id, max(d.id) as newest from search_documents d
        where (d.id / ${sql.lit(sliceSize)})::int = ${slice} and d.words @@ ${words}::tsquery
        group by conversation_id
      ) hit join conversations c on c.id = hit.conversation_id
      where ${where} order by hit.newest desc limit ${maxMatches}`.execute(db)
    found.push(...rows.map(({ id }) => id))
  }
  return found
}

/** What is taken at once. The more of a conversation are taken together, the fewer documents there are: at 17,000 lines a second
 *  over 1,000 conversations 9 a document instead of 2. But cutting 10,000 of the longest takes minutes, and PostgreSQL ends a
 *  transaction that is silent for 30 s: what is beyond any of these goes back. */
const atOnce = { groups: 500, lines: 10_000, octets: 4_000_000, cutForMs: 5_000 }
/** After a failure: about a document of one group. */
const nextToNothing = { ...atOnce, groups: 1, octets: 100_000 }
/** Lines a document: what one word's row in the index can be narrowed down to. */
const linesADocument = 20
const longestTurnMs = 4

/** Whether any words wait to be indexed: asked often, mostly in vain. */
export async function hasBacklog(db: Db): Promise<boolean> {
  const { rows } = await sql`select from search_backlog limit 1`.execute(db)
  return rows.length > 0
}

/** Takes what was said since the last time into the index. A row of the backlog goes in the transaction that indexes
 *  it, so parallel and broken-off calls neither lose nor double anything. What fails is tried again with next to nothing, so that
 *  whatever takes PostgreSQL too long does not come back for ever: 57014 for a statement, and for a pause between two a
 *  connection that is gone. A group that PostgreSQL refuses even so is left out, so that nothing anybody says keeps the rest from
 *  being found.
 *  @param portion for tests
 *  @returns how many lines were taken, and whether more may be waiting. */
export async function indexBacklog(
  { db, log }: Pick<Services, 'db' | 'log'>,
  portion: Partial<typeof atOnce> = {},
): Promise<Indexed> {
  try {
    return await indexGroups(db, { ...atOnce, ...portion })
  } catch (error) {
    log.warn({ error: String(error) }, 'Words were not indexed; trying with fewer')
  }
  return indexGroups(db, nextToNothing).catch(async (error: unknown) => {
    if (!isRefusal(error)) throw error
    await sql`
      delete from search_backlog where id in (
        select id from search_backlog order by id limit 1 for update skip locked)`.execute(db)
    log.error({ code: error.code }, 'A group of messages cannot be indexed and will not be found')
    return { lines: 0, mayBeMore: true }
  })
}

/** What one call of {@link indexBacklog} did. */
export interface Indexed {
  lines: number
  mayBeMore: boolean
}

/** PostgreSQL says that the data is wrong (22), breaks a rule (23) or a limit (54), as opposed to being unable now.
 *  https://www.postgresql.org/docs/18/errcodes-appendix.html */
const isRefusal = (error: unknown): error is { code: string } =>
  /^(22|23|54|P0)/.test((error as { code?: string } | null)?.code ?? '')

/** Some lines of a conversation that make a document. */
interface Said {
  conversationId: string
  /** As PostgreSQL writes an array. */
  seqs: string
  lines: number
  /** Null for what is too much for this time. */
  text: string | null
  /** Since when the oldest of all that were taken has waited. */
  since: string
  mayBeMore: boolean
}

function indexGroups(db: Db, { groups, lines, octets, cutForMs }: typeof atOnce): Promise<Indexed> {
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<Said>`
      -- Nobody waits for this to be on the disk: a crash takes the words and the emptied backlog back together.
      select taken.* from (select set_config('synchronous_commit', 'off', true)) mode,
        take_search_backlog(${groups}, ${lines}, ${octets}, ${linesADocument}) taken`.execute(tx)
    const [first] = rows
    if (!first) return { lines: 0, mayBeMore: false }
    const documents: [conversationId: string, words: string][] = []
    const left: Said[] = []
    const began = performance.now()
    let turnBegan = began
    for (const said of rows) {
      const { conversationId, text } = said
      if (text === null || (documents.length > 0 && performance.now() - began > cutForMs)) {
        left.push(said)
        continue
      }
      for (const words of portionsOf(text)) documents.push([conversationId, words])
      // the longest lines somebody can think of take 0.4 s a document, and others want answers meanwhile
      if (performance.now() - turnBegan < longestTurnMs) continue
      await setImmediate()
      turnBegan = performance.now()
    }
    await sql`
      insert into search_documents (conversation_id, words)
      select id, array_to_tsvector(string_to_array(words, ' '))
      from unnest(${documents.map(([id]) => id)}::uuid[], ${documents.map(([, words]) => words)}::text[]) as d (id, words)`.execute(
      tx,
    )
    if (left.length > 0) await putBack(tx, first.since, left)
    const linesOf = (some: Said[]) => some.reduce((sum, said) => sum + said.lines, 0)
    return {
      lines: linesOf(rows) - linesOf(left),
      mayBeMore: left.length > 0 || first.mayBeMore,
    }
  })
}

/** At the end of the backlog, a group for each document. */
async function putBack(tx: Tx, since: string, left: Said[]): Promise<void> {
  await sql`
    insert into search_backlog (conversation_ids, seqs, at)
    select array_fill(conversation_id, array[cardinality(seqs::integer[])]), seqs::integer[], ${since}::timestamptz
    from unnest(${left.map((said) => said.conversationId)}::uuid[], ${left.map(({ seqs }) => seqs)}::text[])
      as said (conversation_id, seqs)`.execute(tx)
}

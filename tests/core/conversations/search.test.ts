import { expect } from 'vitest'
import type { ConversationPage } from '#core/contracts/conversations.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

const found = async (agent: AgentActor, query: string, view = 'all') => {
  const page = await agent.http.get<ConversationPage>(
    `/conversations?view=${view}&query=${encodeURIComponent(query)}`,
  )
  return page.conversations.map(({ id }) => id)
}

test('what was said is found within seconds, by its words and their beginnings', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat({ first: 'Do you deliver to Reykjavík?' })
  await agent.says(id, 'Twice a week, by the Thorlákshöfn ferry')
  await visitor.says('Splendid')
  const said = performance.now()
  await waitFor('the message to be found', async () => (await found(agent, 'splendid')).includes(id))
  expect(performance.now() - said).toBeLessThan(5_000)
  expect(await found(agent, 'reykjavík')).toContain(id)
  expect(await found(agent, 'ferry thorlák')).toContain(id)
  expect(await found(agent, 'splendidly')).not.toContain(id)
  expect(await found(agent, 'ferry unicorn')).not.toContain(id)
  await visitor.says('Mail me: j.o\u2019hara@isle.test, 0.75 \u339c, \u6771\u4eac\u306e\u5009\u5eab')
  await waitFor('the address to be found', async () => (await found(agent, 'hara@isle.test')).includes(id))
  for (const query of ['0.75 mm', '\u4eac\u306e\u5009', '\u5009\u5eab', 'isle.te'])
    expect(await found(agent, query)).toContain(id)
  expect(await found(agent, '\u5eab\u6771')).not.toContain(id)
})

test('a result quotes where the words were said, the newest line with most of them', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat({ first: 'Do you sell ottomans?' })
  await agent.says(id, 'Ottomans we have in green and blue')
  await visitor.says(
    `${'So much to say before it, and more. '.repeat(4)}A GREEN  ottoman${' and so on'.repeat(40)}`,
  )
  await visitor.says('Goodbye')
  const search = (query: string) =>
    agent.http.get<ConversationPage>(`/conversations?view=all&query=${encodeURIComponent(query)}`)
  await waitFor('it is found', async () => (await search('green ottoman')).conversations.length > 0)
  const quote = (await search('green ottoman')).found?.[id]
  expect(quote).toMatchObject({ word: 'GREEN' })
  expect(quote?.before).toMatch(/^….*and more\. A $/)
  expect(quote?.before.length).toBeLessThan(40)
  expect(quote?.after).toMatch(/^ ottoman and so on.*…$/)
  expect((await search('blue')).found?.[id]).toEqual({
    before: 'Ottomans we have in green and ',
    word: 'blue',
    after: '',
  })
  // found by who it is: nothing was said
  await agent.http.patch(`/visitors/${visitor.id}`, { name: 'Wilhelmina Quist' })
  const byName = await search('wilhelmina')
  expect(byName.conversations.map((one) => one.id)).toEqual([id])
  expect(byName.found).toEqual({})
  expect((await agent.http.get<ConversationPage>('/conversations?view=all')).found).toBeUndefined()
})

test('a part of the visitor’s name, e-mail or company finds their chats', async ({ foyer }) => {
  const agent = await foyer.agent()
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks('Hello', {
    name: 'Ottoline 100%_Quux',
    email: 'otto@quux-works.test',
    company: 'Quux Works',
  })
  await agent.accepts(id)
  for (const query of ['ottol', 'QUUX-works', 'x work', '100%_q'])
    expect(await found(agent, query)).toContain(id)
  expect(await found(agent, 'quux%works%nothing')).toEqual([])
})

test('a visitor is found by what an agent corrected, and by what the directory says of the corrected address', async ({
  foyer,
}) => {
  const agent = await foyer.agent()
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks('Hello', { name: 'sofa', email: 'sofa@gmial.test' })
  await agent.accepts(id)
  await foyer.pool.query(
    `insert into people (id, email, name, company, updated_at)
     values (gen_random_uuid(), 'sofia@corrected.test', 'Sofia Ricci', 'Zymurgy Partners', now())`,
  )
  expect(await found(agent, 'zymurgy')).toEqual([])
  await agent.http.patch(`/visitors/${visitor.id}`, {
    name: 'Sofia Rossignol',
    email: 'sofia@corrected.test',
  })
  for (const query of ['rossignol', 'sofia@corr', 'zymurgy']) expect(await found(agent, query)).toEqual([id])
})

test('what thousands of visitors have finds the newest of their chats, and only those that may be seen', async () => {
  const foyer = await startFoyer()
  const { agent, visitor, id } = await foyer.chat()
  const other = await foyer.agent()
  await agent.http.patch(`/visitors/${visitor.id}`, { company: 'Crowdville Open' })
  await foyer.pool.query(
    `insert into visitors (id, site_id, token_hash, company, created_at, seen_at)
     select md5('crowd' || n)::uuid, $1, decode(md5('crowd' || n), 'hex'), 'Crowdville ' || n % 2, $2, $2
     from generate_series(1, 3000) n`,
    [foyer.site.id, foyer.clock.now()],
  )
  await foyer.pool.query(
    `insert into conversations (id, site_id, visitor_id, status, client_id, requested_at, ended_at, end_reason, first_text, last_at,
       visitor_seen_at)
     select md5('chat' || n)::uuid, $1, md5('crowd' || n)::uuid, 'missed', 'x', at, at, 'no_answer', 'Hello', at, at
     from generate_series(1, 3000) n, lateral (select $2::timestamptz - n * interval '1 minute' as at) t`,
    [foyer.site.id, foyer.clock.now()],
  )
  const { rows } = await foyer.pool.query<{ id: string; n: number }>(
    `select md5('chat' || n)::uuid as id, n from generate_series(1, 3000) n order by n`,
  )
  const newest = rows.map((row) => row.id)
  expect(await found(other, 'crowdville')).toEqual(newest.slice(0, 50))
  expect(await found(agent, 'crowdville')).toEqual([id, ...newest.slice(0, 49)])
  // half of them are few enough to be read one by one, and the answer is of the same kind
  const even = rows.filter(({ n }) => n % 2 === 0).map((row) => row.id)
  expect(await found(other, 'crowdville 0')).toEqual(even.slice(0, 50))
  expect(await found(other, 'crowdville 0', 'active')).toEqual([])
})

test('another agent’s active chat is not found, by its words or by its visitor; ended it is', async ({
  foyer,
}) => {
  const { agent, id } = await foyer.chat({ first: 'Tell nobody about the zeppelin' })
  await waitFor('the message to be found', async () => (await found(agent, 'zeppelin')).includes(id))
  const other = await foyer.agent()
  expect(await found(other, 'zeppelin')).toEqual([])
  await agent.ends(id)
  expect(await found(other, 'zeppelin')).toEqual([id])
  expect(await found(other, 'zeppelin', 'missed')).toEqual([])
})

test('a query of nothing but signs is an empty answer, not an error', async ({ foyer }) => {
  const agent = await foyer.agent()
  for (const query of ["'", '\\', '&|!():*<->', '%', '🦄'])
    expect(await found(agent, query)).toBeInstanceOf(Array)
})

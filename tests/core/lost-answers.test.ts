import { randomUUID } from 'node:crypto'
import type { PoolClient } from 'pg'
import { expect, vi } from 'vitest'
import type { Problem } from '#core/contracts/common.ts'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'
import type { HttpClient } from '#tests/support/http-client.ts'

/** What is said where the database goes away under a request. */

test.afterEach(() => void vi.restoreAllMocks())

const lookFirst = 'It is not known whether this was done; look before you repeat it.'

/** Until the end of the test each statement meets this on its way. */
function onTheWay(
  { pool }: TestFoyer,
  meets: (text: string, run: () => Promise<unknown>, client: PoolClient) => unknown,
) {
  const connect = pool.connect.bind(pool)
  vi.spyOn(pool, 'connect').mockImplementation(async (...waiting: unknown[]) => {
    // the pool itself calls back
    if (waiting.length > 0) return Reflect.apply(connect, pool, waiting)
    const client = await connect()
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>
    client.query = ((...given: unknown[]) =>
      meets(String(given[0]), () => query(...given), client)) as typeof client.query
    const release = client.release.bind(client)
    client.release = (error) => {
      client.query = query as typeof client.query
      release(error)
    }
    return client
  })
}

/** The next transaction in which something like this is done is committed, and the line breaks before anybody hears of it. Whatever else goes on
 *  beside the test is left alone. */
function commitIsLost(foyer: TestFoyer, of: string) {
  let isLost = false
  const isMeant = new WeakSet<PoolClient>()
  onTheWay(foyer, async (text, run, client) => {
    if (text === 'begin') isMeant.delete(client)
    if (text.includes(of)) isMeant.add(client)
    const answer = await run()
    if (isLost || text !== 'commit' || !isMeant.has(client)) return answer
    isLost = true
    const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
    connection.stream.destroy()
    return run()
  })
}

const problemOf = async (http: HttpClient, method: 'GET' | 'POST', path: string, body?: unknown) =>
  (await (await http.raw(method, path, body)).json()) as Problem

test('a change whose commit nobody heard of is said to be uncertain', async ({ foyer }) => {
  const { http } = await foyer.agent({ profile: 'admin', online: false })
  const team = { name: `Sales ${randomUUID()}`, agentIds: [] }
  commitIsLost(foyer, 'insert into teams')
  expect(await problemOf(http, 'POST', '/teams', team)).toMatchObject({
    status: 503,
    code: 'unavailable',
    detail: lookFirst,
  })
  vi.restoreAllMocks()
  const { teams } = await http.get<{ teams: { name: string }[] }>('/teams')
  expect(teams.map(({ name }) => name)).toContain(team.name)
})

test('what a visitor leaves under an id of its own is there once when it is sent again', async ({
  foyer,
}) => {
  const { http } = await foyer.visitor()
  const message = { fields: { email: 'sofia@northwind.test' }, text: 'Later then', clientId: randomUUID() }
  commitIsLost(foyer, 'insert into conversations')
  expect(await problemOf(http, 'POST', '/widget/messages', message)).toMatchObject({ code: 'unavailable' })
  vi.restoreAllMocks()
  const { id } = await http.post<WidgetConversation>('/widget/messages', message)
  const { conversations } = await http.get<{ conversations: WidgetConversation[] }>('/widget/conversations')
  expect(conversations.map((one) => one.id)).toEqual([id])
})

test('a read that finds no database may be tried again', async ({ foyer }) => {
  const { http } = await foyer.agent({ online: false })
  onTheWay(foyer, () => Promise.reject(new Error('Connection terminated unexpectedly')))
  expect(await problemOf(http, 'GET', '/conversations?view=all')).toMatchObject({
    status: 503,
    code: 'unavailable',
    detail: 'Foyer could not answer just now. Try again.',
  })
})

test('a mistake of ours is one, and promises nothing about what was done', async ({ foyer }) => {
  const { http } = await foyer.agent({ profile: 'admin', online: false })
  onTheWay(foyer, (text, run) => {
    if (text === 'begin') throw new TypeError('undefined is not a function')
    return run()
  })
  expect(await problemOf(http, 'POST', '/teams', { name: 'Sales', agentIds: [] })).toMatchObject({
    status: 500,
    code: 'internal',
    detail: 'Something went wrong on our side. Look whether it was done before you repeat it.',
  })
})

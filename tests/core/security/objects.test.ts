import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { ConversationPage } from '#core/contracts/conversations.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import type { HttpClient } from '#tests/support/http-client.ts'
import { aPng, sendFile } from '#tests/support/upload.ts'
import { waitFor } from '#tests/support/wait.ts'
import { type ListedRoute, startListed } from './route-table.ts'

/** Every route that is about one conversation, visitor or offer, taken from the route table: one that is added without
 *  saying here what a valid call of it is fails. */

let foyer: TestFoyer
let routes: ListedRoute[]

beforeAll(async () => {
  ;({ foyer, calls: routes } = await startListed({ workers: false }))
})
afterEach(() => retireEverybody(foyer))

const secret = 'pangolin'
const message = () => ({ clientId: randomUUID(), text: 'Let me in' })

interface Objects {
  conversation: string
  visitor: string
  offer: string
  /** Somebody a chat could be handed to. */
  colleague: string
}

/** Valid bodies, so that nothing but whose it is can be the reason of a refusal; null: none is needed. */
const bodies = ({ colleague }: Objects): Record<string, object | null> => ({
  'GET /conversations/:id': null,
  'GET /conversations/:id/messages': null,
  'POST /conversations/:id/messages': message(),
  'POST /conversations/:id/notes': message(),
  'POST /conversations/:id/end': {},
  'PUT /conversations/:id/outcome': { outcome: 'spam' },
  'POST /conversations/:id/claim': {},
  'DELETE /conversations/:id/claim': null,
  'POST /conversations/:id/reply': message(),
  'GET /conversations/:id/transcript.txt': null,
  'GET /conversations/:id/transcript.json': null,
  'POST /conversations/:id/mail-transcript': {},
  'POST /conversations/:id/block': { email: true },
  'POST /conversations/:id/handover': { agentId: colleague },
  'DELETE /conversations/:id/handover': null,
  'GET /conversations/:id/routing': null,
  'POST /conversations/:id/calendar-shares': { agentId: colleague },
  'POST /conversations/:id/files': aPng(),
  'GET /conversations/:id/files/:fileId': null,
  'GET /visitors/:id': null,
  'PATCH /visitors/:id': { name: 'Mine' },
  'POST /visitors/:id/refresh': {},
  'GET /visitors/:id/activities': null,
  'GET /visitors/:id/meetings': null,
  'GET /visitors/:id/crm-writes': null,
  'GET /offers/:id': null,
  'POST /offers/:id/accept': {},
  'POST /offers/:id/decline': {},
})

const nounOf = (path: string) => path.split('/', 2)[1] ?? ''
const idOf = (path: string, objects: Objects): string =>
  ({ conversations: objects.conversation, visitors: objects.visitor, offers: objects.offer })[nounOf(path)] ??
  ''

/** @returns what every one of these routes answers, but those that are about what is not given. */
async function answers(http: HttpClient, objects: Objects): Promise<Record<string, number>> {
  const about = routes
    .map(({ method, url }) => ({ method, path: url.replace('/api/v1', '') }))
    .filter(({ path }) => /^\/(conversations|visitors|offers)\/:id/.test(path))
  expect(about.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(
    Object.keys(bodies(objects)).sort(),
  )
  const found: Record<string, number> = {}
  for (const { method, path } of about) {
    const id = idOf(path, objects)
    if (id === '') continue
    const address = path.replace(':id', id).replace(':fileId', randomUUID())
    const body = bodies(objects)[`${method} ${path}`]
    found[`${method} ${path}`] = await (body instanceof Buffer
      ? sendFile(http, address, body)
      : http.call(method, address, body ?? undefined)
    ).then(
      () => 200,
      (error: { status?: number }) => error.status ?? -1,
    )
  }
  return found
}

const all = (found: Record<string, number>, status: number) =>
  Object.fromEntries(Object.keys(found).map((route) => [route, status]))

/** Somebody's active chat. */
async function chat(): Promise<{ owner: AgentActor; objects: Objects }> {
  const owner = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { name: `Ada ${secret}` } })
  const { id } = await visitor.asks(`My ${secret} is ill`)
  const offer = await owner.offered(id)
  await owner.accepts(id)
  const colleague = await foyer.agent()
  return {
    owner,
    objects: { conversation: id, visitor: visitor.id, offer: offer.id, colleague: colleague.id },
  }
}

test('whatever is tried with an active chat of somebody else, it does not exist', async () => {
  const { objects } = await chat()
  for (const other of [await foyer.agent({ profile: 'admin' }), await foyer.agent()]) {
    const found = await answers(other.http, objects)
    expect(found).toEqual(all(found, 404))
    expect(JSON.stringify(other.socket.frames)).not.toContain(secret)
  }
  expect(await foyer.stateOf(objects.conversation)).toMatchObject({
    status: 'active',
    texts: [`My ${secret} is ill`],
  })
})

test('who may watch it reads it, and changes nothing of it', async () => {
  const { objects } = await chat()
  const boss = await foyer.agent({ online: false })
  await foyer.pool.query('update agents set supervises = true where id = $1', [boss.id])
  const found = await answers(boss.http, { ...objects, offer: '' })
  // asking the CRMs anew changes nothing of the chat
  const reading = (route: string) =>
    (route.startsWith('GET ') && !route.endsWith(':fileId')) || route.endsWith('/refresh')
  expect(found).toEqual(
    Object.fromEntries(Object.keys(found).map((route) => [route, reading(route) ? 200 : 404])),
  )
  expect((await foyer.stateOf(objects.conversation)).texts).toHaveLength(1)
})

test('a waiting request is nobody’s but of whom it is put to', async () => {
  const asked = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { name: `Ada ${secret}` } })
  const { id } = await visitor.asks(`My ${secret} is ill`)
  const offer = await asked.offered(id)
  const other = await foyer.agent()
  const objects = { conversation: id, visitor: visitor.id, offer: offer.id, colleague: asked.id }
  const found = await answers(other.http, objects)
  expect(found).toEqual(all(found, 404))
  expect(await foyer.stateOf(id)).toMatchObject({ status: 'waiting', agentId: null })
})

test('what a blocked visitor asked for is nobody’s, also of whoever was asked before', async () => {
  const asked = await foyer.agent()
  const fields = { email: 'pest@example.test', name: `Pest ${secret}` }
  const visitor = await foyer.visitor({ fields })
  const { id: first } = await visitor.asks('First')
  await asked.accepts(first)
  await asked.ends(first)
  // put to an agent, who then knows its id, while a colleague blocks the visitor for the chat of before
  const { id } = await visitor.asks(`Again: ${secret}`)
  const offer = await asked.offered(id)
  const colleague = await foyer.agent()
  await colleague.http.post(`/conversations/${first}/block`, { email: true })
  expect(await foyer.stateOf(id)).toMatchObject({ status: 'missed' })
  await waitFor('the banner is gone', () => asked.offers.size === 0)

  const objects = { conversation: id, visitor: '', offer: '', colleague: (await foyer.agent()).id }
  for (const agent of [asked, colleague, await foyer.agent({ profile: 'admin' })]) {
    const found = await answers(agent.http, objects)
    expect(found).toEqual(all(found, 404))
  }
  expect(await statusOf(asked.http.post(`/offers/${offer.id}/accept`))).toBe(409)
  await settled(colleague)
  expect(JSON.stringify(colleague.socket.frames)).not.toContain(id)
  expect((await foyer.stateOf(id)).texts).toEqual([`Again: ${secret}`])
})

const statusOf = (call: Promise<unknown>) =>
  call.then(
    () => 200,
    (error: { status?: number }) => error.status ?? -1,
  )

/** What was told before this has come by now. */
async function settled(agent: AgentActor): Promise<void> {
  const pages = await agent.http.get<ConversationPage>('/conversations?view=missed')
  expect(pages.conversations.map(({ id }) => id)).toEqual([])
  const before = agent.socket.ofType('availability').length
  await agent.switchTo('unavailable')
  await waitFor('it is told', () => agent.socket.ofType('availability').length > before)
}

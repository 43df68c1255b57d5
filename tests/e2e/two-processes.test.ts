import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Pool } from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createPool } from '#core/db/pool.ts'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { openPerson, sharedBrowser } from '#tests/support/browser.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { type AnAgent, type ASite, anAgent, anOrganisation, aSite } from '#tests/support/factories.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import { startHostPage } from '#tests/support/host-page.ts'
import { InboxScreen } from '#tests/support/inbox-screen.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { VisitorActor } from '#tests/support/visitor-actor.ts'
import { waitFor } from '#tests/support/wait.ts'
import { WidgetScreen } from '#tests/support/widget-screen.ts'
import { startRedis, type TestRedis } from '#tests/workers/support/redis.ts'

/** Two web processes and a worker over Redis and a PostgreSQL of their own: the visitor is on one, the agent on the
 *  other, and Redis is as unreliable as it may be. */

let database: ScratchDatabase
let redis: TestRedis
let pool: Pool
let site: ASite
let agentRow: AnAgent
let folder: string
let one: ServerProcess
let two: ServerProcess
let worker: ServerProcess
let environment: NodeJS.ProcessEnv
const people: { leaves(): Promise<void> }[] = []

beforeAll(async () => {
  database = await scratchDatabase()
  redis = await startRedis()
  folder = await mkdtemp(join(tmpdir(), 'foyer-two-'))
  pool = createPool(database.url, 2, 'two processes test')
  await anOrganisation(pool, new Date())
  site = await aSite(pool, new Date())
  await pool.query('update sites set settings = settings || $2 where id = $1', [
    site.id,
    JSON.stringify({
      launcherLabel: '',
      fields: [
        { name: 'name', required: false },
        { name: 'email', required: false },
      ],
    }),
  ])
  environment = {
    FOYER_DATABASE_URL: database.url,
    FOYER_REDIS_URL: redis.url,
    FOYER_PUBLIC_URL: 'http://foyer.example.com',
    FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    FOYER_DATA_DIR: folder,
    FOYER_LOG_LEVEL: 'fatal',
  }
  ;[one, two, worker] = await Promise.all([
    startFoyerProcess('web', environment),
    startFoyerProcess('web', environment),
    startFoyerProcess('worker', environment),
  ])
})

afterAll(async () => {
  await Promise.all(people.map((person) => person.leaves()))
  await Promise.all([one, two, worker].map((server) => server.stop()))
  await redis.stop()
  await pool.end()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

beforeEach(async () => {
  await pool.query('update agents set active = false')
  agentRow = await anAgent(pool, new Date(), { name: `Agent ${randomBytes(4).toString('hex')}` })
})

const aVisitorOn = async (server: ServerProcess) => {
  const visitor = await VisitorActor.arrive(server.origin, { siteKey: site.key })
  people.push(visitor)
  return visitor
}
const anAgentOn = async (server: ServerProcess, row = agentRow) => {
  const agent = await AgentActor.signIn(server.origin, row.email, row.password)
  people.push(agent)
  return agent
}

/** An active chat across the two processes. */
async function aChat() {
  const agent = await anAgentOn(two)
  const visitor = await aVisitorOn(one)
  const { id } = await visitor.asks('Hello over there')
  await agent.accepts(id)
  await waitFor('the visitor sees who it is', () => visitor.conversation?.status === 'active')
  return { agent, visitor, id }
}

/** Own lines are acknowledged and not repeated to who sent them, so both ask for the log. */
async function bothKnow(visitor: VisitorActor, agent: AgentActor, id: string, texts: string[]) {
  for (const log of [visitor.follow(id), agent.follow(id)]) {
    log.resume()
    await waitFor('the whole log', () => log.texts.length >= texts.length)
    expect(log.texts).toEqual(texts)
  }
}

test('a visitor on one process and an agent on the other have a whole chat', async () => {
  const agent = await anAgentOn(two)
  const visitor = await aVisitorOn(one)
  const { id } = await visitor.asks('Hello over there')
  const offer = await agent.offered(id)
  expect(offer.firstText).toBe('Hello over there')
  await agent.accepts(id)
  await waitFor('the visitor sees who it is', () => visitor.conversation?.agent?.name === agent.me.name)

  await visitor.says('Do you ship to Norway?')
  await agent.hears(id, 'Do you ship to Norway?')
  await agent.says(id, 'We do.')
  await visitor.hears('We do.')
  visitor.socket.send({ type: 'typing', conversationId: id, typing: true })
  await agent.socket.frame('typing', (frame) => frame.conversationId === id && frame.typing)
  agent.socket.send({ type: 'typing', conversationId: id, typing: true })
  await visitor.socket.frame('typing', (frame) => frame.typing)
  visitor.socket.send({ type: 'seen', conversationId: id, readSeq: 4, receivedSeq: 4 })
  await agent.socket.frame('seen', (frame) => frame.readSeq === 4)

  // another tab of each, on the other process
  const [tab, otherTab] = [
    await anAgentOn(one),
    await VisitorActor.arrive(two.origin, { siteKey: site.key, token: visitor.session.token }),
  ]
  people.push(otherTab)
  expect([otherTab.id, otherTab.conversation?.id]).toEqual([visitor.id, id])
  await agent.says(id, 'Anything else?')
  await Promise.all([tab.hears(id, 'Anything else?'), otherTab.hears('Anything else?', id)])
  await visitor.leaves()
  // the other tab still counts
  expect(agent.conversations.get(id)?.visitor.online).toBe(true)
  await otherTab.leaves()
  await agent.socket.frame('presence', (frame) => frame.visitorId === visitor.id && !frame.online)

  await agent.ends(id)
  await waitFor('the other tab sees the end', () => tab.conversations.get(id)?.status === 'ended')
})

test('the main job in browsers: the page’s chat is on one process, the inboxes on the other', async () => {
  const second = await anAgent(pool, new Date(), { name: 'Marco Bianchi' })
  const [browser, host] = await Promise.all([
    sharedBrowser(),
    startHostPage({ foyer: one.origin, siteKey: site.key }),
  ])
  try {
    const [visitorPage, ...agentPages] = await Promise.all([
      openPerson(browser),
      openPerson(browser),
      openPerson(browser),
    ])
    const visitor = new WidgetScreen(visitorPage.page)
    const inboxes = await Promise.all(
      agentPages.map(async ({ page }, n) => {
        const inbox = new InboxScreen(page, two.origin)
        await inbox.enter(n === 0 ? agentRow : second)
        return inbox
      }),
    )
    await visitor.page.goto(host.url)
    await visitor.asks({ text: 'Do the racks come in blue?' })
    const asked = await Promise.race(inboxes.map((inbox) => inbox.offers.waitFor().then(() => inbox)))
    const other = inboxes.find((inbox) => inbox !== asked) as InboxScreen
    expect(await asked.offers.textContent()).toContain('Do the racks come in blue?')
    expect(await other.offers.count()).toBe(0)
    await asked.offers.getByRole('button', { name: 'Decline' }).click()
    await other.accept()
    await visitor.says(' joined')

    await other.say('Yes, in RAL 5015.')
    await visitor.says('Yes, in RAL 5015.')
    await visitor.say('Great, and in red?')
    await other.hears('Great, and in red?')
    const conversation = ['Do the racks come in blue?', 'Yes, in RAL 5015.', 'Great, and in red?']
    expect(await visitor.said()).toEqual(conversation)
    expect(await other.said()).toEqual(conversation)

    await other.button('End session').click()
    await other.page
      .getByRole('dialog', { name: 'End this chat?' })
      .getByRole('button', { name: /^Qualified/ })
      .click()
    await visitor.says('ended the chat. Write again any time.')
    // the transcript stays, on whichever process it is asked for
    await other.page.reload()
    await other.hears('Great, and in red?')
    expect(await other.said()).toEqual(conversation)
  } finally {
    await Promise.all([...browser.contexts().map((context) => context.close()), host.close()])
  }
})

test('a revoked session closes its sockets on the other process within seconds', async () => {
  const agent = await anAgentOn(two)
  const elsewhere = await anAgentOn(one)
  const admin = await anAgent(pool, new Date(), {
    name: `Admin ${randomBytes(4).toString('hex')}`,
    profile: 'admin',
  })
  const boss = await anAgentOn(one, admin)
  await boss.http.patch(`/agents/${agentRow.id}`, { active: false })
  for (const one of [agent, elsewhere])
    expect(await waitFor('the socket is closed', () => one.socket.closed)).toMatchObject({
      code: 4403,
    })
})

test('an offer whose agent does not answer expires by the worker', async () => {
  const agent = await anAgentOn(two)
  const visitor = await aVisitorOn(one)
  const { id } = await visitor.asks()
  const offer = await agent.offered(id)
  await pool.query(`update offers set expires_at = offered_at + interval '1 millisecond' where id = $1`, [
    offer.id,
  ])
  await agent.socket.frame('offer_closed', (frame) => frame.offerId === offer.id && frame.state === 'expired')
  await waitFor('the visitor gets the fallback', () => visitor.conversation?.status === 'missed')
})

test('what is said while Redis is away reaches the other process when it is back', async () => {
  const { agent, visitor, id } = await aChat()
  await redis.stop()
  await visitor.says('Can you still hear me?')
  await agent.says(id, 'Not yet.')
  await redis.restart()
  // within seconds, and with nothing further being said
  await Promise.all([agent.hears(id, 'Can you still hear me?'), visitor.hears('Not yet.')])
  await visitor.says('And now?')
  await agent.hears(id, 'And now?')
  await bothKnow(visitor, agent, id, ['Hello over there', 'Can you still hear me?', 'Not yet.', 'And now?'])
  await agent.ends(id)
})

test('what is said while only one side’s line to Redis is cut reaches the other side', async () => {
  const { agent, visitor, id } = await aChat()
  for (const type of ['normal', 'pubsub']) {
    const client = new Redis(redis.url)
    await client.call('client', 'kill', 'type', type)
    client.disconnect()
    await Promise.all([visitor.says(`To agent, ${type}`), agent.says(id, `To visitor, ${type}`)])
    await Promise.all([agent.hears(id, `To agent, ${type}`), visitor.hears(`To visitor, ${type}`)])
  }
  await agent.ends(id)
})

test('an offer made while Redis is away is shown when it is back, and an end too', async () => {
  const agent = await anAgentOn(two)
  const visitor = await aVisitorOn(one)
  await redis.stop()
  const { id } = await visitor.asks()
  await redis.restart()
  await agent.offered(id)
  await agent.accepts(id)
  await waitFor('the visitor is with somebody', () => visitor.conversation?.status === 'active')
  await redis.stop()
  await agent.ends(id)
  await redis.restart()
  await waitFor('the visitor sees the end', () => visitor.conversation?.status === 'ended')
})

test('a Redis emptied in the middle of a chat loses nothing', async () => {
  const { agent, visitor, id } = await aChat()
  const said: string[] = []
  for (let n = 0; n < 30; n++) {
    if (n % 10 === 5) await redis.flushAll()
    said.push(`Line ${n}`)
    await (n % 2 === 0 ? visitor.says(`Line ${n}`) : agent.says(id, `Line ${n}`))
  }
  await Promise.all([agent.hears(id, 'Line 28'), visitor.hears('Line 29')])
  await bothKnow(visitor, agent, id, ['Hello over there', ...said])
  // the deadlines' jobs are gone with Redis; the sweep and the outbox are not
  await pool.query(`update conversations set idle_at = now() - interval '1 second' where id = $1`, [id])
  await waitFor('the chat times out', () => visitor.conversation?.endReason === 'timeout')
})

test('when the process of one side is killed, its people go on with the other', async () => {
  const { agent, visitor, id } = await aChat()
  await visitor.says('Before')
  await agent.hears(id, 'Before')
  await one.kill()
  await agent.says(id, 'Are you there?')
  const back = await VisitorActor.arrive(two.origin, { siteKey: site.key, token: visitor.session.token })
  people.push(back)
  expect(back.conversation).toMatchObject({ id, status: 'active' })
  await back.hears('Are you there?', id)
  await back.says('Yes', { conversationId: id })
  await agent.hears(id, 'Yes')
  one = await startFoyerProcess('web', environment)
  await agent.ends(id)
})

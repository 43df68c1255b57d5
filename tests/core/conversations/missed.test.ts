import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Conversation, ConversationPage, EntryPage } from '#core/contracts/conversations.ts'
import type { WidgetConversation, WidgetSession } from '#core/contracts/widget.ts'
import { tellCounts } from '#core/features/conversations/endings.ts'
import { MemoryBus } from '#core/realtime/bus.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'
import { type MailServer, startMailServer } from '#tests/workers/support/mail-server.ts'

/** What becomes of requests nobody accepted. */

let foyer: TestFoyer
let mailServer: MailServer

beforeAll(async () => {
  mailServer = await startMailServer()
  foyer = await startFoyer({ config: { smtpUrl: mailServer.url, publicUrl: 'https://chat.example.com' } })
})
afterEach(() => retireEverybody(foyer))
afterAll(() => mailServer.close())

const offDuty = async (name?: string) => {
  const agent = await foyer.agent(name ? { name } : {})
  await agent.switchTo('unavailable')
  return agent
}

/** A request while nobody is there. */
async function missed(fields: object = { email: 'nadia@contoso.test', name: 'Nadia' }) {
  const visitor = await foyer.visitor({ page: { url: 'https://shop.example/pricing' } })
  const message = { fields, text: 'Please write to me.', clientId: randomUUID() }
  const { id } = await visitor.http.post<WidgetConversation>('/widget/messages', message)
  return { visitor, id }
}

const claim = (agent: AgentActor, id: string) => agent.http.post<Conversation>(`/conversations/${id}/claim`)
const reply = (agent: AgentActor, id: string, text = 'It costs 40 €.', clientId: string = randomUUID()) =>
  agent.http.post<Conversation>(`/conversations/${id}/reply`, { clientId, text })
const code = (call: Promise<unknown>) =>
  call.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  )
const unanswered = async () => {
  const { rows } = await foyer.pool.query<{ n: number }>(
    `select count(*) as n from conversations where status = 'missed' and claimed_by is null and replied_at is null`,
  )
  return rows[0]?.n ?? 0
}
const seenBy = (agent: AgentActor, id: string) => agent.conversations.get(id)

test('of two who claim a missed request at once one gets it, and everybody sees who', async () => {
  const agents = [await offDuty('Dana'), await offDuty('Marco'), await offDuty('Aiko')] as AgentActor[]
  for (let round = 0; round < 8; round++) {
    const { id } = await missed()
    const before = await unanswered()
    await waitFor('it is counted', () => agents.every((agent) => agent.missed === before))
    const answers = await Promise.all(agents.map((agent) => code(claim(agent, id))))
    expect(answers.toSorted()).toEqual(['already_claimed', 'already_claimed', 'done'])
    const winner = agents[answers.indexOf('done')] as AgentActor
    for (const agent of agents)
      await waitFor('the claim shows', () => seenBy(agent, id)?.claimedBy?.id === winner.id)
    await waitFor('it left every count', () => agents.every((agent) => agent.missed === before - 1))
    // again changes nothing
    expect((await claim(winner, id)).claimedBy?.id).toBe(winner.id)
    await winner.http.call('DELETE', `/conversations/${id}/claim`)
    for (const agent of agents) await waitFor('it is free', () => seenBy(agent, id)?.claimedBy === null)
    await waitFor('it is counted again', () => agents.every((agent) => agent.missed === before))
    await claim(winner, id)
  }
})

test('however long a count takes, the newest one is what every inbox shows in the end', async () => {
  const dana = await offDuty()
  await missed()
  const [counted, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  // the first answer stays under way, longer than a second one would take
  let answers = 0
  const db = foyer.app.services.db.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      counted.resolve()
      if (++answers === 1) await held.promise
      return result
    },
  })
  const bus = new MemoryBus()
  const told: number[] = []
  bus.subscribe('agents', (frame) => told.push(JSON.parse(frame).counts.missed))
  const services = { ...foyer.app.services, db, bus }
  tellCounts(services)
  await counted.promise
  await foyer.pool.query(
    `update conversations set claimed_by = $1, claim_changed_at = $2 where status = 'missed' and claimed_by is null`,
    [dana.id, foyer.clock.now()],
  )
  tellCounts(services)
  for (let n = 0; n < 20; n++) await unanswered()
  held.resolve()
  await waitFor('both are told', () => told.length === 2)
  expect(told.at(-1)).toBe(0)
})

test('what one has claimed nobody else releases or answers', async () => {
  const [dana, marco] = [await offDuty(), await offDuty()]
  const { id } = await missed()
  await claim(dana, id)
  expect(await code(marco.http.call('DELETE', `/conversations/${id}/claim`))).toBe('already_claimed')
  expect(await code(reply(marco, id))).toBe('already_claimed')
})

test('only missed requests are claimed, and answers need words', async () => {
  const { agent, id } = await foyer.chat()
  expect(await code(claim(agent, id))).toBe('not_found')
  expect(await code(reply(agent, id))).toBe('not_found')
  await agent.ends(id)
  expect(await code(claim(agent, id))).toBe('not_found')
  const request = await missed()
  expect(await code(reply(agent, request.id, '   '))).toBe('invalid_input')
})

test('deactivating the claimer gives the row back', async () => {
  const admin = await foyer.agent({ profile: 'admin' })
  const [dana, marco] = [await offDuty(), await offDuty()]
  const { id } = await missed()
  const answered = await missed()
  await claim(dana, id)
  await reply(dana, answered.id)
  await waitFor('it is claimed', () => seenBy(marco, id)?.claimedBy?.id === dana.id)
  await admin.http.patch(`/agents/${dana.id}`, { active: false })
  await waitFor('it is free', () => seenBy(marco, id)?.claimedBy === null)
  expect((await claim(marco, id)).claimedBy?.id).toBe(marco.id)
})

test('an answer goes by mail once, is kept in the log, and leads back', async () => {
  const [dana, marco] = [await offDuty('Dana Whitfield'), await offDuty()]
  const { visitor, id } = await missed()
  await waitFor('it is counted', async () => marco.missed === (await unanswered()))
  const clientId = randomUUID()
  const answered = await reply(dana, id, 'It costs 40 €.\nShipping is free.', clientId)
  expect(answered).toMatchObject({ status: 'missed', claimedBy: { id: dana.id } })
  expect(answered.repliedAt).not.toBeNull()
  // others may be missed meanwhile
  await waitFor('it left the count', async () => marco.missed === (await unanswered()))
  expect((await reply(dana, id, 'It costs 40 €.\nShipping is free.', clientId)).lastSeq).toBe(
    answered.lastSeq,
  )

  const sent = () => mailServer.received.filter(({ to }) => to.includes('nadia@contoso.test'))
  await waitFor('the mail is there', () => sent().some(({ raw }) => raw.includes('Shipping is free')))
  expect(sent().filter(({ raw }) => raw.includes('Shipping is free'))).toHaveLength(1)
  const raw = (sent().find((mail) => mail.raw.includes('Shipping is free'))?.raw ?? '')
    .replaceAll('=\r\n', '')
    .replaceAll('=3D', '=')
  expect(raw).toContain(`Reply-To: ${dana.me.email}`)
  expect(raw).toContain('> Please write to me.')
  // nobody has said which pages are the site's: it is one of Foyer's
  expect(raw).toContain(`https://chat.example.com/chat?site=${foyer.site.key}#foyer-chat=`)
  const token = /#foyer-chat=([\w-]+)/.exec(raw)?.[1]

  // the visitor, in this browser and by the link in another one
  expect(visitor.session.token).not.toBe(token)
  const entries = async (bearer: string) => {
    const http = new HttpClient(foyer.origin)
    http.useToken(bearer)
    return (await http.get<EntryPage>(`/widget/conversations/${id}/messages`)).entries
  }
  expect((await entries(visitor.session.token)).at(-1)).toMatchObject({
    kind: 'message',
    text: 'It costs 40 €.\nShipping is free.',
    data: { channel: 'mail' },
  })
  const open = (resume: string | undefined, more: object = {}) =>
    new HttpClient(foyer.origin).post<WidgetSession>('/widget/sessions', {
      siteKey: foyer.site.key,
      resume,
      ...more,
    })
  const there = await open(token)
  expect(there).toMatchObject({ visitorId: visitor.id, conversation: { id, unread: 1 } })
  expect(there.token).not.toBe(visitor.session.token)
  expect(await entries(there.token)).toHaveLength(2)
  // the same person's browser keeps its token; a stranger's gets this one's
  expect((await open(token, { token: visitor.session.token })).token).toBe(visitor.session.token)
  const stranger = await foyer.visitor()
  expect((await open(token, { token: stranger.session.token })).visitorId).toBe(visitor.id)
  expect((await open(undefined, { token: stranger.session.token })).visitorId).toBe(stranger.id)
  // a guessed one opens nothing, and in time this one neither
  expect((await open('guessed')).visitorId).not.toBe(visitor.id)
  await foyer.pool.query('update return_links set expires_at = created_at')
  expect((await open(token)).visitorId).not.toBe(visitor.id)

  // what comes after the answer waits for somebody again
  const more = {
    conversationId: id,
    fields: { email: 'nadia@contoso.test' },
    text: 'And in blue?',
    clientId: randomUUID(),
  }
  await visitor.http.post('/widget/messages', more)
  await waitFor('it waits again', () => seenBy(marco, id)?.claimedBy === null)
  expect(seenBy(marco, id)?.repliedAt).toBeNull()
  await waitFor('it is counted again', async () => marco.missed === (await unanswered()))
})

test('without an address there is no answer by mail, and the agent reads why', async () => {
  const dana = await offDuty()
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks('Hello?')
  await waitFor('it is missed', () => seenBy(dana, id)?.status === 'missed')
  expect(await code(reply(dana, id))).toBe('no_address')
})

test('without a mail server there is none either', async () => {
  const plain = await startFoyer({ workers: false })
  const dana = await plain.agent()
  expect(dana.me.canMail).toBe(false)
  await dana.switchTo('unavailable')
  const visitor = await plain.visitor()
  const { id } = await visitor.asks('Hello?')
  await expect(reply(dana, id)).rejects.toMatchObject({ code: 'no_mail_server' })
})

test('a signed person’s conversation is not opened by the link alone', async () => {
  const dana = await offDuty()
  const { visitor, id } = await missed({ email: 'signed@contoso.test' })
  await reply(dana, id, 'For you only')
  await foyer.pool.query(`update visitors set identity_subject = 'u1' where id = $1`, [visitor.id])
  const sent = () => mailServer.received.find(({ to }) => to.includes('signed@contoso.test'))
  await waitFor('the mail is there', () => sent() !== undefined)
  const raw = (sent()?.raw ?? '').replaceAll('=\r\n', '').replaceAll('=3D', '=')
  const resume = /#foyer-chat=([\w-]+)/.exec(raw)?.[1]
  expect(resume).toBeDefined()
  const session = await new HttpClient(foyer.origin).post<WidgetSession>('/widget/sessions', {
    siteKey: foyer.site.key,
    resume,
  })
  expect(session.visitorId).not.toBe(visitor.id)
  expect(session.conversation).toBeNull()
})

test('missed ones are listed with who has them', async () => {
  const dana = await offDuty()
  const { id } = await missed()
  await claim(dana, id)
  const page = await dana.http.get<ConversationPage>('/conversations?view=missed')
  expect(page.conversations.find((one) => one.id === id)?.claimedBy?.id).toBe(dana.id)
})

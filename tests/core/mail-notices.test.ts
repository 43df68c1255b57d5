import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { defineJob } from '#core/contracts/jobs.ts'
import type { MailSettings, MailTest } from '#core/contracts/mail.ts'
import { enqueue } from '#core/features/outbox/outbox.ts'
import { eraseEverywhere } from '#core/features/people/erase.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { type MailServer, type Received, startMailServer } from '#tests/workers/support/mail-server.ts'

let foyer: TestFoyer
let mailServer: MailServer

beforeAll(async () => {
  mailServer = await startMailServer()
  foyer = await startFoyer({
    config: { smtpUrl: mailServer.url, publicUrl: 'https://chat.meridian.test' },
  })
})
test.afterEach(async () => {
  await retireEverybody(foyer)
  mailServer.received.length = 0
})
afterAll(async () => {
  await foyer.close()
  await mailServer.close()
})

const mailsTo = ({ me }: AgentActor) => mailServer.received.filter(({ to }) => to.includes(me.email))
const mailTo = (agent: AgentActor) => waitFor('a mail', () => mailsTo(agent)[0])
const subjectOf = ({ raw }: Received) => /^Subject: (.*(?:\r\n .*)*)/m.exec(raw)?.[1]?.replaceAll('\r\n', '')
const bodyOf = ({ raw }: Received) =>
  raw.slice(raw.indexOf('\r\n\r\n')).replaceAll('=\r\n', '').replaceAll('\r\n', '\n')
const quarter = 15 * 60_000

/** The sweep and the relay go by the clock that was just moved on. */
const noneIsDue = () =>
  waitFor('no batch is due', async () => {
    const { rows } = await foyer.pool.query(
      `select from mail_batches where closed_at is null and due_at <= $1
       union all select from outbox where task = 'send-mail' and state = 'open'`,
      [foyer.clock.now()],
    )
    return rows.length === 0
  })

async function missed(agents: AgentActor[], fields: Record<string, string>, text: string): Promise<string> {
  // the process renews its lease by the clock that was moved on
  for (const agent of agents)
    await waitFor('the agent can be reached', async () => {
      const { agents: all } = await agent.http.get<{ agents: { id: string; reachable: boolean }[] }>(
        '/agents',
      )
      return all.find(({ id }) => id === agent.id)?.reachable
    })
  const visitor = await foyer.visitor({ fields })
  const { id } = await visitor.asks(text)
  for (const agent of agents) await agent.offered(id)
  foyer.advance(99_000)
  for (const agent of agents) await agent.declines(id)
  await waitFor('missed', async () => (await foyer.stateOf(id)).status === 'missed')
  return id
}

const sofia = { name: 'Sofia Ricci', email: 'sofia@northwind.test', company: 'Northwind' }

test('who was asked, and admins, are mailed of a missed chat once the quarter is over', async () => {
  const asked = await foyer.agent({ name: 'Dana Asked' })
  const admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
  const other = await foyer.agent({ name: 'Otto Other', online: false })
  const id = await missed([asked], sofia, 'Do you ship to Graz?')
  // longer before than the relay looks ahead: what it has handed over waits by the real clock
  foyer.advance(quarter - 90_000)
  await noneIsDue()
  expect(mailServer.received).toEqual([])
  foyer.advance(100_000)
  const mail = await mailTo(asked)
  expect(subjectOf(mail)).toMatch(/^Missed chat: Sofia Ricci, Northwind, waited 1:(39|4\d)$/)
  expect(bodyOf(mail)).toContain('> Do you ship to Graz?')
  expect(bodyOf(mail)).toContain(`Reply: https://chat.meridian.test/inbox/c/${id}`)
  await mailTo(admin)
  await noneIsDue()
  expect(mailsTo(other)).toEqual([])
  expect(mailsTo(asked)).toHaveLength(1)
})

test('all that is missed within a quarter of an hour is one mail', async () => {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const asked = await foyer.agent()
  await missed([asked], sofia, 'One')
  await missed(
    [asked],
    { ...sofia, name: 'Tom Becker', email: 'tom@contoso.test', company: 'Contoso' },
    'Two',
  )
  const left = await foyer.visitor({ fields: { name: 'Lena Koch' } })
  await left.http.post('/widget/messages', {
    fields: { name: 'Lena Koch', email: 'lena@example.test' },
    text: 'Left for later',
    clientId: 'left',
  })
  foyer.advance(quarter)
  const mail = await mailTo(admin)
  expect(subjectOf(mail)).toBe('3 missed chats')
  for (const words of ['Sofia Ricci, Northwind', 'Tom Becker, Contoso', 'Lena Koch', 'left a message'])
    expect(bodyOf(mail)).toContain(words)
  await mailTo(asked)
  await noneIsDue()
  expect(mailsTo(admin)).toHaveLength(1)
  expect(subjectOf(await mailTo(asked))).toBe('2 missed chats')
})

test('what agents were mailed of somebody’s missed chat is erased with them', async () => {
  const asked = await foyer.agent()
  const mails = async () => {
    const { rows } = await foyer.pool.query<{ text: string }>(
      'select text from mails where to_address = $1',
      [asked.me.email],
    )
    return rows.map(({ text }) => text)
  }
  const vera = { name: 'Vera Canary', email: 'vera@canary.test', company: 'Canary' }
  await missed([asked], vera, 'I am Vera')
  foyer.advance(quarter)
  await mailTo(asked)
  await noneIsDue()
  await missed([asked], sofia, 'I am Sofia')
  foyer.advance(quarter)
  await waitFor('the second mail', async () => (await mails()).length === 2)
  const id = randomUUID()
  await foyer.pool.query('insert into erasures (id, emails, asked_at) values ($1, $2, $3)', [
    id,
    [vera.email],
    foyer.clock.now(),
  ])
  expect(await eraseEverywhere(foyer.app.services, id)).toBe(true)
  expect(await mails()).toEqual([expect.stringContaining('I am Sofia')])
})

test('who wants no mail gets none, and who wants all is mailed of all', async () => {
  const asked = await foyer.agent()
  const keen = await foyer.agent({ online: false })
  const admin = await foyer.agent({ profile: 'admin', online: false })
  expect((await admin.http.get<{ preferences: object }>('/me')).preferences).toMatchObject({
    missedMail: 'all',
    failureMail: true,
  })
  await asked.http.put('/me/preferences', { missedMail: 'none' })
  await admin.http.put('/me/preferences', { missedMail: 'asked' })
  expect(await keen.http.put('/me/preferences', { missedMail: 'all' })).toMatchObject({ missedMail: 'all' })
  await expect(keen.http.put('/me/preferences', { missedMail: 'some' })).rejects.toMatchObject({
    status: 422,
  })
  await missed([asked], sofia, 'Hello')
  foyer.advance(quarter)
  await mailTo(keen)
  await noneIsDue()
  expect([...mailsTo(asked), ...mailsTo(admin)]).toEqual([])
})

test('what somebody has answered by then is not mailed any more', async () => {
  const asked = await foyer.agent()
  const id = await missed([asked], sofia, 'Hello')
  await foyer.pool.query('update conversations set replied_at = $2 where id = $1', [id, foyer.clock.now()])
  foyer.advance(quarter)
  await noneIsDue()
  expect(mailsTo(asked)).toEqual([])
})

test('admins are mailed of what was given up, but not of a mail to themselves', async () => {
  const admin = await foyer.agent({ name: 'Ada Failures', profile: 'admin', online: false })
  const agent = await foyer.agent({ online: false })
  const { services } = foyer.app
  // a mail nobody takes
  const broken = defineJob('send-mail', z.object({ mailId: z.string() }))
  const dead = async (to: string) => {
    const { rows } = await foyer.pool.query<{ id: string }>(
      `insert into mails (id, to_address, subject, text, created_at) values (gen_random_uuid(), $1, 's', 't', $2) returning id`,
      [to, foyer.clock.now()],
    )
    const mailId = rows[0]?.id ?? ''
    await services.db
      .transaction()
      .execute((tx) => enqueue(tx, services.clock, { task: broken, payload: { mailId } }))
    services.wakeJobs()
    await waitFor('it is dead', async () => {
      const { rows: found } = await foyer.pool.query(
        `select from outbox where state = 'dead' and payload ->> 'mailId' = $1`,
        [mailId],
      )
      return found.length > 0
    })
  }
  await dead('nobody@elsewhere.test')
  const own = await foyer.agent({ online: false, email: 'nobody@foyer.test' })
  await dead(own.me.email)
  foyer.advance(quarter)
  const mail = await mailTo(admin)
  expect(subjectOf(mail)).toBe('Foyer gave up an action: send-mail')
  expect(bodyOf(mail)).toContain('No such mailbox')
  await noneIsDue()
  expect(mailsTo(agent)).toEqual([])
})

test('mails are from whom the admin says, and a test tells whether it works', async () => {
  const admin = await foyer.agent({ name: 'Ada Sender', profile: 'admin', online: false })
  const read = () => admin.http.get<MailSettings>('/mail-settings')
  const test = async () => {
    const { id } = await admin.http.post<{ id: string }>('/mail-settings/tests')
    return waitFor('an outcome', async () => {
      const outcome = await admin.http.get<MailTest>(`/mail-settings/tests/${id}`)
      return outcome.state !== 'waiting' ? outcome : undefined
    })
  }
  expect(await read()).toMatchObject({
    fromName: null,
    server: new URL(mailServer.url).host,
    from: { name: 'Meridian Industries', address: 'foyer@chat.meridian.test' },
  })
  const saved = {
    fromName: 'Meridian Chat',
    fromAddress: 'chat@meridian.test',
    replyTo: 'sales@meridian.test',
  }
  expect(await admin.http.put('/mail-settings', saved)).toMatchObject(saved)
  expect(await test()).toEqual({ state: 'sent', reason: null })
  const mail = await mailTo(admin)
  expect(mail.from).toBe('chat@meridian.test')
  expect(mail.raw).toContain('From: Meridian Chat <chat@meridian.test>')
  expect(mail.raw).toContain('Reply-To: sales@meridian.test')
  for (const bad of [{ ...saved, fromAddress: 'nobody' }, { ...saved, fromName: 'x'.repeat(101) }, {}])
    await expect(admin.http.put('/mail-settings', bad)).rejects.toMatchObject({ status: 422 })
  await admin.http.put('/mail-settings', { fromName: '', fromAddress: '', replyTo: null })
  expect(await read()).toMatchObject({ fromName: null, fromAddress: null, replyTo: null })
  const refused = await foyer.agent({ profile: 'admin', online: false, email: 'nobody@admins.test' })
  const { id } = await refused.http.post<{ id: string }>('/mail-settings/tests')
  await waitFor('refused', async () => {
    const outcome = await refused.http.get<MailTest>(`/mail-settings/tests/${id}`)
    return outcome.state === 'failed' && outcome.reason?.includes('No such mailbox')
  })
  await expect(admin.http.get(`/mail-settings/tests/${id}`)).rejects.toMatchObject({ status: 404 })
})

test('without a mail server nothing is promised, kept or tried', async () => {
  const own = await startFoyer()
  const admin = await own.agent({ profile: 'admin', online: false })
  expect(await admin.http.get('/mail-settings')).toMatchObject({ server: null })
  await expect(admin.http.post('/mail-settings/tests')).rejects.toMatchObject({
    status: 409,
    code: 'no_mail_server',
  })
  await admin.http.put('/me/availability', { status: 'unavailable' })
  const visitor = await own.visitor({ fields: sofia })
  await visitor.http.post('/widget/messages', { fields: sofia, text: 'Later', clientId: 'left' })
  const { rows } = await own.pool.query('select id from mail_batches union all select id from mails')
  expect(rows).toEqual([])
  const { rows: sites } = await own.pool.query('select settings from sites')
  expect(JSON.stringify(sites)).not.toMatch(/e-mail|write back/i)
  await own.close()
})

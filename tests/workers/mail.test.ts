import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { listUnsent, type NewMail, queueMail, resendMail } from '#core/features/mail/mail.ts'
import { createMailer, defaultSender, type Mailer } from '#core/features/mail/mailer.ts'
import { backlog, listDead, retryDead } from '#core/features/outbox/outbox.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { patienceMs } from '#tests/support/patience.ts'
import { startWorkers, type Workers } from '#workers/start.ts'
import { sendMail } from '#workers/tasks/send-mail.ts'
import { type MailServer, startMailServer } from './support/mail-server.ts'
import { freePort } from './support/redis.ts'
import { clock, testTiming, World } from './support/world.ts'

let database: ScratchDatabase
let world: World
let mailServer: MailServer
let workers: Workers | undefined
let mailer: Mailer | undefined

beforeAll(async () => {
  database = await scratchDatabase()
  world = new World(database.url, { databaseUrl: database.url })
  await world.prepare()
  mailServer = await startMailServer()
})
afterEach(async () => {
  await workers?.stop()
  workers = undefined
  mailer?.close()
  mailer = undefined
  mailServer.received.length = 0
  await world.clear()
})
afterAll(async () => {
  await mailServer.close()
  await world.close()
  await database.drop()
})

const soon = { timeout: patienceMs, interval: 30 }
const sender = async () => ({ name: 'Northwind Chat', address: 'chat@northwind.test' })

async function start(smtpUrl: string | undefined = mailServer.url) {
  mailer = smtpUrl ? createMailer({ url: smtpUrl, sender }) : undefined
  workers = await startWorkers({
    tasks: [sendMail],
    db: world.db,
    pool: world.pool,
    clock,
    queue: world.queueConfig,
    services: { mailer },
    log: world.log,
    timing: testTiming,
  })
}

const queued = (mail: Partial<NewMail> & { to: NewMail['to'] }) =>
  world.db
    .transaction()
    .execute((tx) => queueMail(tx, clock, { subject: 'Missed chat', text: 'Sofia asked for you.', ...mail }))
const allQuiet = () => expect.poll(() => backlog(world.db, clock), soon).toMatchObject({ open: 0 })
const unsent = async () =>
  (await listUnsent(world.db)).map(({ id, unsentBecause }) => ({ id, unsentBecause }))
const headers = (raw = '') => raw.slice(0, raw.indexOf('\r\n\r\n')).replaceAll(/\r\n[ \t]+/g, ' ')

test('a mail arrives, from the sender of the moment, recognisable by its id', async () => {
  const id = await queued({
    to: { address: 'Sofia.Ricci@northwind.test', name: 'Sofia Ricci' },
    replyTo: 'dana@foyer.test',
    html: '<p>Sofia asked for you.</p>',
    headers: { 'List-Unsubscribe': '<https://foyer.test/stop>' },
  })
  await start()
  await allQuiet()
  expect(mailServer.received).toHaveLength(1)
  const [mail] = mailServer.received
  expect(mail).toMatchObject({ from: 'chat@northwind.test', to: ['sofia.ricci@northwind.test'] })
  const lines = headers(mail?.raw).split('\r\n')
  expect(lines).toContain('From: Northwind Chat <chat@northwind.test>')
  expect(lines).toContain('To: Sofia Ricci <sofia.ricci@northwind.test>')
  expect(lines).toContain('Reply-To: dana@foyer.test')
  expect(lines).toContain('Subject: Missed chat')
  expect(lines).toContain('List-Unsubscribe: <https://foyer.test/stop>')
  expect(lines).toContain('Auto-Submitted: auto-generated')
  expect(lines).toContain(`Message-ID: <${id}@northwind.test>`)
  expect(mail?.raw).toContain('<p>Sofia asked for you.</p>')
  expect(await unsent()).toEqual([])
})

test('queued twice under one id, a mail is sent once', async () => {
  const id = crypto.randomUUID()
  const mail = { id, to: { address: 'sofia@northwind.test' } }
  await Promise.all([queued(mail), queued(mail), queued(mail)])
  await start()
  await allQuiet()
  await queued(mail)
  expect(await backlog(world.db, clock)).toMatchObject({ open: 0 })
  expect(mailServer.received).toHaveLength(1)
})

test('a recipient the server refuses is given up at once, visibly, and can be tried again by hand', async () => {
  const id = await queued({ to: { address: 'nobody@northwind.test' } })
  await start()
  await allQuiet()
  expect(await unsent()).toEqual([{ id, unsentBecause: expect.stringContaining('No such mailbox') }])
  const [dead] = await listDead(world.db)
  expect(dead).toMatchObject({ task: 'send-mail', attempts: 1 })
  expect(await retryDead(world.db, clock, dead?.id ?? 0)).toBe(true)
  await allQuiet()
  expect(await listDead(world.db)).toMatchObject([{ id: dead?.id, attempts: 1 }])
})

test('a recipient refused for the time being gets the mail later', async () => {
  const id = await queued({ to: { address: 'busy@northwind.test' } })
  await start()
  await expect.poll(() => world.logged.join(), soon).toContain('Come back later')
  expect(await unsent()).toEqual([{ id, unsentBecause: null }])
  await allQuiet()
  expect(mailServer.received.map((mail) => mail.to)).toEqual([['busy@northwind.test']])
  expect(await unsent()).toEqual([])
})

test('a mail sent twice because the answer was lost has the same Message-ID, even under a new sender', async () => {
  const id = await queued({ to: { address: 'forgetful@northwind.test' } })
  await start()
  await expect.poll(() => mailServer.received.length, soon).toBe(1)
  if (mailer) mailer.sender = async () => ({ name: 'New name', address: 'new@elsewhere.test' })
  await allQuiet()
  expect(mailServer.received.map(({ from }) => from)).toEqual(['chat@northwind.test', 'new@elsewhere.test'])
  for (const mail of mailServer.received)
    expect(headers(mail.raw)).toContain(`Message-ID: <${id}@northwind.test>`)
})

test('without a mail server a mail stays, with the reason, until it is sent by hand', async () => {
  const id = await queued({ to: { address: 'sofia@northwind.test' } })
  await start('')
  await allQuiet()
  expect(await unsent()).toEqual([{ id, unsentBecause: 'no mail server' }])
  await workers?.stop()

  await start()
  const again = () => world.db.transaction().execute((tx) => resendMail(tx, clock, id))
  expect(await again()).toBe(true)
  expect(await again()).toBe(false)
  await allQuiet()
  expect(mailServer.received).toHaveLength(1)
  expect(await unsent()).toEqual([])
  expect(await again()).toBe(false)
})

test('while the mail server cannot be reached a mail waits', async () => {
  const id = await queued({ to: { address: 'sofia@northwind.test' } })
  await start(`smtp://127.0.0.1:${await freePort()}`)
  await expect.poll(() => world.logged.join(), soon).toContain('ECONNREFUSED')
  expect(await unsent()).toEqual([{ id, unsentBecause: null }])
  expect(await backlog(world.db, clock)).toMatchObject({ open: 1, dead: 0 })
})

test('a worker that stops does not wait for a mail server that never answers', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const connected = once(silent, 'connection')
  const { port } = silent.address() as { port: number }
  await queued({ to: { address: 'sofia@northwind.test' } })
  await start(`smtp://127.0.0.1:${port}`)
  const [socket] = await connected
  const stopping = performance.now()
  await workers?.stop()
  // three seconds of grace, then it is told to stop
  expect(performance.now() - stopping).toBeLessThan(8_000)
  expect(await backlog(world.db, clock)).toMatchObject({ open: 1 })
  socket.destroy()
  silent.close()
})

test('nothing in a mail becomes another header or recipient', async () => {
  await queued({
    to: { address: 'sofia@northwind.test', name: 'Sofia\r\nBcc: spy@evil.test, <spy@evil.test>' },
    subject: 'Hello\r\nBcc: spy@evil.test\r\n\r\nAnother body',
    headers: { 'X-Reason': 'chat\r\nBcc: spy@evil.test' },
  })
  await start()
  await allQuiet()
  const [mail] = mailServer.received
  expect(mail?.to).toEqual(['sofia@northwind.test'])
  const names = headers(mail?.raw)
    .split('\r\n')
    .map((line) => line.split(':')[0]?.toLowerCase())
  expect(names).not.toContain('bcc')
  expect(new Set(names).size).toBe(names.length)
})

test.each([
  ['an address with a line break', { to: { address: 'a@b.test\r\nBcc: spy@evil.test' } }],
  ['two addresses', { to: { address: 'a@b.test, spy@evil.test' } }],
  ['no address', { to: { address: 'Sofia' } }],
  ['a header of the mailer’s own', { to: { address: 'a@b.test' }, headers: { Bcc: 'spy@evil.test' } }],
  [
    'a header name that holds another',
    { to: { address: 'a@b.test' }, headers: { 'X-A: 1\r\nBcc': 'spy@evil.test' } },
  ],
  ['a subject of white space', { to: { address: 'a@b.test' }, subject: ' \r\n ' }],
])('%s is refused when the mail is queued', async (_what, mail) => {
  await expect(queued(mail)).rejects.toThrow()
  expect(await backlog(world.db, clock)).toMatchObject({ open: 0 })
})

test('a mail address that is none stops the start with one sentence', () => {
  for (const url of ['mail.example.com:587', 'https://mail.example.com', 'smtp://'])
    expect(() => createMailer({ url, sender })).toThrow('FOYER_SMTP_URL must look like')
})

test('without a setting mails come from the mail server’s user, or from foyer at the public host', () => {
  const from = (smtp: string, site: string) => defaultSender(smtp, site, 'Foyer').address
  expect(from('smtp://chat%40northwind.test:secret@mail.test', 'https://chat.test')).toBe(
    'chat@northwind.test',
  )
  expect(from('smtp://apikey:secret@mail.test', 'https://chat.test:8443')).toBe('foyer@chat.test')
  expect(from('smtp://mail.test', 'http://127.0.0.1:3000')).toBe('foyer@[127.0.0.1]')
  expect(from('smtp://mail.test', 'http://[::1]:3000')).toBe('foyer@[IPv6:::1]')
})

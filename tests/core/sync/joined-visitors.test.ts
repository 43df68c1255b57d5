import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import type { MemoryCrm } from '#tests/support/memory-crm.ts'
import { aPng, sendFile } from '#tests/support/upload.ts'
import { waitFor } from '#tests/support/wait.ts'
import { Guest, setMeetingSettings, share } from '../meetings/a-booking.ts'
import { Browser, identityOf } from '../widget/signed.ts'
import { readWrites, untilWritten } from './writes.ts'

/** What is written into a CRM of somebody anonymous, who then signs in and turns out to be known. */

let foyer: TestFoyer
let crm: MemoryCrm
let forget: () => Promise<void>
let agent: AgentActor
let admin: AgentActor
let connection = ''
let sub = ''
let laptop: Browser
let phone: Browser

beforeAll(async () => {
  ;({
    foyer,
    crms: [crm],
    forget,
  } = await foyerWithCrms(['acme']))
  agent = await foyer.agent()
  admin = await foyer.agent({ profile: 'admin', online: false })
})
beforeEach(async () => {
  await forget()
  connection = await crm.connectWriting(foyer.app.services)
  sub = `user-${randomUUID()}`
  laptop = await Browser.open(foyer, identityOf(foyer, sub, { email: emailOf(sub) }))
  phone = await Browser.open(foyer)
})

const emailOf = (name: string) => `${name}@northwind.test`
const signIn = () => phone.comesBack(identityOf(foyer, sub))

async function chat(browser: Browser, email: string, host = agent): Promise<string> {
  const { id } = await browser.http.post<WidgetConversation>('/widget/conversations', {
    text: 'Do you deliver?',
    fields: { email },
    clientId: randomUUID(),
  })
  await host.accepts(id)
  return id
}
const ends = ({ http }: Browser, id: string) => http.post(`/widget/conversations/${id}/end`)
const areDone = (count: number) => untilWritten(admin, connection, count)
const logged = () => crm.logged.map(({ conversation }) => conversation.key)

test('what was put aside is written when the connection goes on, of whoever they are now', async () => {
  await admin.http.post(`/connections/${connection}/pause`)
  const id = await chat(phone, `typed-${emailOf(sub)}`)
  await ends(phone, id)
  await waitFor('they are put aside', async () => {
    return (await foyer.pool.query('select from crm_writes where held')).rowCount === 2
  })
  await signIn()
  await admin.http.post(`/connections/${connection}/resume`)
  const all = await areDone(2)
  const { visitorId } = laptop.session
  expect(all.map((write) => [write.state, write.reason, write.visitorId])).toEqual([
    ['written', null, visitorId],
    ['written', null, visitorId],
  ])
  expect(logged()).toEqual([`foyer-chat-${id}`])
  expect([...crm.people.values()].map(({ emails }) => emails)).toEqual([[emailOf(sub)]])
})

test('the outcome of a chat that was logged before still reaches it', async () => {
  const id = await chat(phone, emailOf(sub))
  await ends(phone, id)
  await areDone(2)
  await signIn()
  await agent.http.put(`/conversations/${id}/outcome`, { outcome: 'qualified' })
  await waitFor('the outcome is written', async () => crm.logged[0]?.conversation.outcome === 'Qualified')
  expect(logged()).toEqual([`foyer-chat-${id}`])
})

test('an outcome given to a chat whose write names a visitor who is gone is written all the same', async () => {
  const id = await chat(phone, emailOf(sub))
  await ends(phone, id)
  await areDone(2)
  // as versions before did when visitors were joined
  await foyer.pool.query('update crm_writes set visitor_id = gen_random_uuid()')
  await agent.http.put(`/conversations/${id}/outcome`, { outcome: 'qualified' })
  await waitFor('the outcome is written', async () => crm.logged[0]?.conversation.outcome === 'Qualified')
  const { visitorId } = phone.session
  expect((await readWrites(admin, connection)).find(({ kind }) => kind === 'conversation')?.visitorId).toBe(
    visitorId,
  )
})

test('a chat that ends because both had one open is logged', async () => {
  const kept = await chat(laptop, emailOf(sub))
  const ended = await chat(phone, emailOf(sub))
  await areDone(2)
  await admin.http.post(`/connections/${connection}/pause`)
  await signIn()
  expect((await foyer.stateOf(ended)).status).toBe('ended')
  await admin.http.post(`/connections/${connection}/resume`)
  await areDone(3)
  expect(logged()).toEqual([`foyer-chat-${ended}`])
  await ends(laptop, kept)
  await areDone(3)
  await waitFor('the other is logged too', async () => logged().length === 2)
})

test('what is to be written of one person keeps its order, what was ordered of the two as well', async () => {
  const idle = await startFoyer({ workers: false, connectors: [crm.declaration()] })
  await crm.connect(idle.app.services, { previewed_at: idle.clock.now(), writing_on: true })
  const host = await idle.agent()
  const [known, unknown] = [
    await Browser.open(idle, identityOf(idle, sub, { email: emailOf(sub) })),
    await Browser.open(idle),
  ]
  await chat(known, emailOf(sub), host)
  await chat(unknown, `typed-${emailOf(sub)}`, host)
  await unknown.comesBack(identityOf(idle, sub))
  const { rows } = await idle.pool.query<{ jobs: number; orders: number }>(
    `select count(*)::int as jobs, count(distinct order_key)::int as orders from outbox where task = 'write-to-crm'`,
  )
  await idle.close()
  expect(rows).toEqual([{ jobs: 3, orders: 1 }])
})

test('nothing that names a visitor is left behind', async () => {
  const id = await chat(phone, emailOf(sub))
  await sendFile(phone.http, `/widget/conversations/${id}/files`, aPng())
  await setMeetingSettings(agent, {})
  const { token } = await share(agent, id)
  const guest = new Guest(foyer.origin, token, phone)
  await guest.books((await guest.slots()).slots[0]?.start)
  await phone.http.post('/widget/sessions', {
    siteKey: foyer.site.key,
    token: phone.session.token,
    page: { url: 'https://shop.test/' },
  })
  await foyer.pool.query(
    'insert into blocks (id, visitor_id, blocked_by, blocked_at) values (gen_random_uuid(), $1, $2, now())',
    [phone.session.visitorId, agent.id],
  )
  const [anonymous, known] = [phone.session.visitorId, laptop.session.visitorId]
  const [theirs, own] = [await namesOf(anonymous), await namesOf(known)]
  expect(Object.entries(theirs).filter(([, rows]) => rows === 0)).toEqual([])
  await signIn()
  const sum = Object.keys(own).map((place) => [place, (own[place] ?? 0) + (theirs[place] ?? 0)])
  expect(await namesOf(known)).toEqual(Object.fromEntries(sum))
})

/** How many rows of each table name a visitor; but for tokens, of which the anonymous one's are taken back. */
async function namesOf(visitorId: string): Promise<Record<string, number>> {
  const { rows: places } = await foyer.pool.query<{ table: string; column: string }>(
    `select table_name as table, column_name as column from information_schema.columns
     where table_schema = 'public' and column_name in ('visitor_id', 'sender_id')
       and table_name <> 'visitor_tokens' order by 1, 2`,
  )
  const counts: Record<string, number> = {}
  for (const { table, column } of places) {
    const { rows } = await foyer.pool.query<{ n: number }>(
      `select count(*)::int as n from ${table} where ${column} = $1`,
      [visitorId],
    )
    counts[`${table}.${column}`] = rows[0]?.n ?? 0
  }
  return counts
}

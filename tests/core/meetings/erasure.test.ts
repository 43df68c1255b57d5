import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { GuestMeeting, MeetingPage } from '#core/contracts/meetings.ts'
import { applyCalendarChange } from '#core/features/meetings/changes.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { MemoryCalendar } from '#tests/support/memory-calendar.ts'
import type { MemoryCrm } from '#tests/support/memory-crm.ts'
import { waitFor } from '#tests/support/wait.ts'
import { readWrites } from '../sync/writes.ts'
import { Guest, setMeetingSettings, share } from './a-booking.ts'

/** Of a guest whom a CRM erases nothing is left: not in meetings, calendar and mail, and nothing late brings it back. */

let guests = 0
let canary = ''
let email = ''
let crmConnection = ''
const calendar = new MemoryCalendar()
let foyer: TestFoyer
let crm: MemoryCrm
let admin: AgentActor

beforeAll(async () => {
  ;({
    foyer,
    crms: [crm],
  } = await foyerWithCrms(['acme'], {
    connectors: [calendar.declaration()],
    config: { smtpUrl: 'smtp://127.0.0.1:1', publicUrl: 'https://chat.example.com' },
  }))
  admin = await foyer.agent({ profile: 'admin', online: false })
  crmConnection = await crm.connectWriting(foyer.app.services)
})
beforeEach(async () => {
  // hosts of the tests before: nobody else is to be asked, and their events would take times in the one calendar
  await foyer.pool.query('update agents set active = false where id <> $1', [admin.id])
  calendar.events.clear()
  canary = `canary${++guests}`
  email = `${canary}@northwind.test`
})

/** A chat with somebody whom the CRM knows, in which a calendar is shared; the CRM is written to. */
async function aGuest({ connected = true } = {}) {
  const person = crm.put({ emails: [email], fields: { name: `${canary} Ricci` } })
  const host = await foyer.agent()
  await setMeetingSettings(host, { title: 'Talk with {{name}}', body: 'With {{email}}: {{note}}' })
  const connectionId = connected ? await calendar.connect(foyer, host.id) : ''
  const visitor = await foyer.visitor({ fields: { name: `${canary} Ricci`, email } })
  const { id } = await visitor.asks('May I see you?')
  await host.accepts(id)
  const { token } = await share(host, id)
  const guest = new Guest(foyer.origin, token)
  const books = async (place: number) =>
    guest.books((await guest.slots()).slots[place]?.start, {
      name: `${canary} Ricci`,
      email,
      note: `${canary} note`,
    })
  return { person, host, connectionId, visitor, conversationId: id, books }
}

/** Lets polls come due until it is so. */
const until = (what: string, check: () => Promise<boolean> | boolean) =>
  waitFor(
    what,
    async () => {
      await foyer.pool.query(`update connection_sync set poll_due_at = 'epoch', import_due_at = 'epoch'`)
      return check()
    },
    { timeoutMs: 30_000, everyMs: 100 },
  )

/** A feed repeats itself, so a person may be erased more than once. */
async function erased(person: { id: string }): Promise<void> {
  crm.remove(person.id, { erase: true })
  await until('it is erased', async () => {
    // what failed is tried again
    foyer.advance(1_000)
    const { rows } = await foyer.pool.query<{ why: string | null }>(
      `select (select max(last_error) from outbox where task = 'erase-person' and state <> 'done') as why
       where exists (select from visitors where email = $1) or exists (select from erasures where $1 = any (emails))`,
      [email],
    )
    if (rows[0]?.why) throw new Error(rows[0].why)
    return rows.length === 0
  })
}

/** Tables with a row that says anything of the guest. */
async function tracesLeft(): Promise<string[]> {
  const { rows } = await foyer.pool.query<{ name: string }>(
    `select quote_ident(tablename) as name from pg_tables where schemaname = 'public' order by 1`,
  )
  const found: string[] = []
  for (const { name } of rows) {
    const { rowCount } = await foyer.pool.query(
      `select from ${name} t where t::text ilike '%${canary}%' limit 1`,
    )
    if (rowCount) found.push(name)
  }
  return found
}

const meetingsOf = async ({ http }: AgentActor, when: string) =>
  (await http.get<MeetingPage>(`/meetings?when=${when}`)).meetings

test('a guest who is erased is in no meeting, mail or calendar any more, and what the CRM has of them is listed', async () => {
  const { person, host, connectionId, visitor, conversationId, books } = await aGuest()
  const [past, ahead] = [await books(0), await books(5)]
  const eventId = ahead.id.replaceAll('-', '')
  await foyer.pool.query(
    `update meetings set start_at = start_at - interval '20 days', end_at = end_at - interval '20 days' where id = $1`,
    [past.id],
  )
  await host.ends(conversationId)
  const ofGuest = ({ personId }: { personId: string }) => personId === person.id
  await until('all is logged', () => crm.meetings.filter(ofGuest).length === 2 && crm.logged.some(ofGuest))
  expect(calendar.events.get(eventId)?.made.title).toContain(canary)
  expect(await tracesLeft()).toEqual(expect.arrayContaining(['mails', 'meetings', 'visitors']))
  await erased(person)

  await expect.poll(tracesLeft).toEqual([])
  await until('the calendar is told', () => calendar.events.get(eventId)?.state === 'cancelled')
  expect(await meetingsOf(host, 'past')).toEqual([])
  expect(await meetingsOf(host, 'upcoming')).toMatchObject([
    { id: ahead.id, state: 'cancelled', guest: { name: 'Erased', erased: true, note: null } },
  ])
  const writes = await readWrites(admin, crmConnection)
  const kinds = writes
    .filter((one) => one.visitorId === visitor.id && one.url !== null)
    .map(({ kind }) => kind)
  expect(kinds.sort()).toEqual(['conversation', 'meeting', 'meeting', 'person'])

  // what is heard late brings nothing back
  const event = calendar.events.get(eventId)
  if (!event) throw new Error('There is no such event')
  const late = { ...event, state: 'confirmed', start: new Date(event.start.getTime() + 3_600_000) } as const
  await applyCalendarChange(foyer.app.services, {
    connectionId,
    calendarId: 'main',
    eventId,
    event: late,
    read: async () => late,
  })
  crm.put({ ...person, changedAt: new Date(foyer.clock.now().getTime() + 60_000) })
  expect(await new HttpClient(foyer.origin).get<GuestMeeting>(`/meeting/${ahead.token}`)).toMatchObject({
    state: 'cancelled',
    name: 'Erased',
    start: ahead.start,
  })
  expect(await tracesLeft()).toEqual([])
})

test('with Foyer’s own calendar too the host keeps what was ahead, cancelled and under no name', async () => {
  const { person, host, conversationId, books } = await aGuest({ connected: false })
  const loggedBefore = crm.meetings.length
  const [past, ahead] = [await books(0), await books(5)]
  await foyer.pool.query(
    `update meetings set start_at = start_at - interval '20 days', end_at = end_at - interval '20 days' where id = $1`,
    [past.id],
  )
  await foyer.pool.query(`update meetings set notice_accepted_at = held_at, notice_text = $2 where id = $1`, [
    ahead.id,
    `${canary} was told`,
  ])
  await host.ends(conversationId)
  await until(
    'all is logged',
    () =>
      crm.meetings.length === loggedBefore + 2 && crm.logged.some(({ personId }) => personId === person.id),
  )
  await erased(person)
  expect(await tracesLeft()).toEqual([])
  expect(await meetingsOf(host, 'past')).toEqual([])
  expect(await meetingsOf(host, 'upcoming')).toMatchObject([
    {
      id: ahead.id,
      state: 'cancelled',
      title: 'Erased',
      guest: { name: 'Erased', erased: true, note: null },
    },
  ])
  const { rows: taken } = await foyer.pool.query('select from taken_times where agent_id = $1', [host.id])
  expect(taken).toEqual([])
  await until('nothing is left to be done', async () => {
    const { rows } = await foyer.pool.query('select event_due from meetings where id = $1', [ahead.id])
    return rows[0]?.event_due === null
  })
})

test('a meeting whose guest is being erased is not logged, and it is said that this is why', async () => {
  const { person, books, host, conversationId } = await aGuest()
  await host.ends(conversationId)
  await until('the chat is logged', () => crm.logged.some(({ personId }) => personId === person.id))
  const made = crm.callsOf('createPerson').length
  crm.next('logMeeting', 'down')
  // gone there, and what is here goes next
  crm.people.delete(person.id)
  await foyer.pool.query(
    'insert into erasures (id, emails, asked_at) values (gen_random_uuid(), $1, now())',
    [[email]],
  )
  const meeting = await books(5)
  await until('it is given up', async () => {
    const { rows } = await foyer.pool.query('select state, reason from crm_writes where meeting_id = $1', [
      meeting.id,
    ])
    return rows[0]?.reason === 'The meeting was deleted, or its guest erased.' && rows[0].state === 'skipped'
  })
  expect(crm.callsOf('createPerson')).toHaveLength(made)
})

test('a meeting that was not logged before its guest was erased is not logged after that, under no name', async () => {
  const { person, books, host, conversationId } = await aGuest()
  await host.ends(conversationId)
  await until('the chat is logged', () => crm.logged.some(({ personId }) => personId === person.id))
  // the first try has its effect, as far as anybody knows; then the CRM is away
  crm.next('logMeeting', 'lost', ...Array<'down'>(50).fill('down'))
  const meeting = await books(5)
  const triesBefore = crm.callsOf('logMeeting').length
  await until('it was tried again', () => crm.callsOf('logMeeting').length > triesBefore + 1)
  // until Foyer hears of it, who is not there any more is somebody new
  crm.next('findPerson', ...Array<'down'>(50).fill('down'))
  await erased(person)
  await until('it is given up', async () => {
    foyer.advance(60_000)
    const { rows } = await foyer.pool.query('select state, reason from crm_writes where meeting_id = $1', [
      meeting.id,
    ])
    return rows[0]?.state !== 'open'
  })
  const { rows } = await foyer.pool.query('select state, reason from crm_writes where meeting_id = $1', [
    meeting.id,
  ])
  expect(rows).toEqual([{ state: 'skipped', reason: 'The meeting was deleted, or its guest erased.' }])
  expect(crm.callsOf('createPerson')).toEqual([])
  expect([...crm.people.values()].filter(({ fields }) => fields.name === 'Erased')).toEqual([])
})

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { MeetingPage } from '#core/contracts/meetings.ts'
import { sweepMeetings } from '#core/features/meetings/sweeps.ts'
import { eraseEverywhere } from '#core/features/people/erase.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { MemoryCalendar } from '#tests/support/memory-calendar.ts'
import { waitFor } from '#tests/support/wait.ts'
import { Guest, sharedCalendar } from './a-booking.ts'

/** Bookings that are deleted or cancelled while they are made: whoever books is told so, and nothing is left of them. Without
 *  workers: each test says itself when a meeting is looked at again. */
const calendar = new MemoryCalendar()
let foyer: TestFoyer

beforeAll(async () => {
  foyer = await startFoyer({
    workers: false,
    connectors: [calendar.declaration()],
    config: { smtpUrl: 'smtp://127.0.0.1:1', publicUrl: 'https://chat.example.com' },
  })
})
afterAll(() => foyer.close())
beforeEach(() => {
  calendar.events.clear()
  calendar.calls.length = 0
})

/** A visitor about to book the first free time, by a link of their chat. */
async function aBooking({ connected }: { connected: boolean }) {
  const shared = await sharedCalendar(foyer)
  if (connected) await calendar.connect(foyer, shared.host.id)
  const guest = new Guest(foyer.origin, shared.token, shared.visitor)
  const { slots } = await guest.slots()
  const wish = guest.wish(slots[0]?.start, { email: shared.email })
  const books = async () => {
    const response = await guest.raw(slots[0]?.start, wish)
    return { status: response.status, body: (await response.json()) as object }
  }
  return { ...shared, guest, slots, books }
}

const isGone = {
  status: 409,
  body: { code: 'booking_gone', detail: expect.stringContaining('Choose a time') },
}

/** @returns whether that is all */
async function erases(email: string): Promise<boolean> {
  const id = randomUUID()
  await foyer.pool.query('insert into erasures (id, emails, asked_at) values ($1, $2, $3)', [
    id,
    [email],
    foyer.clock.now(),
  ])
  return eraseEverywhere(foyer.app.services, id)
}

const sweeps = () => sweepMeetings(foyer.app.services, new AbortController().signal)

const isCalled = (action: (typeof calendar.calls)[number]) =>
  waitFor(`the calendar is asked (${action})`, () => calendar.calls.includes(action))

const count = async (from: string, ...values: unknown[]): Promise<number> =>
  (await foyer.pool.query(`select from ${from}`, values)).rowCount ?? 0

const waitsFor = (locktype: string) =>
  waitFor(
    `somebody waits for a lock (${locktype})`,
    async () =>
      (await count(
        `pg_locks w where not granted and locktype = $1
           and pid in (select pid from pg_stat_activity where datname = current_database())`,
        locktype,
      )) > 0,
  )

/** Does something while the test holds locks, and lets go. */
async function holding<T>(lock: string, work: () => Promise<T>): Promise<T> {
  const client = await foyer.pool.connect()
  try {
    await client.query('begin')
    await client.query(lock)
    return await work()
  } finally {
    await client.query('rollback')
    client.release()
  }
}

test('a guest who is erased before their time is booked is told that the booking is gone', async () => {
  const { guest, slots, books, email, conversationId } = await aBooking({ connected: false })
  const lock = `select from conversations where id = '${conversationId}' for no key update`
  const { answer } = await holding(lock, async () => {
    const answer = books()
    await waitsFor('transactionid')
    // the chat goes on
    expect(await erases(email)).toBe(false)
    return { answer }
  })
  expect(await answer).toMatchObject(isGone)
  expect(await count('meetings where email = $1', email)).toBe(0)
  expect((await guest.slots()).slots[0]).toEqual(slots[0])
})

test('an event that is made after its guest was erased is ended, and what they gave stays erased', async () => {
  const { host, visitor, conversationId, email, books } = await aBooking({ connected: true })
  await host.ends(conversationId)
  const gate = Promise.withResolvers<void>()
  calendar.answersAfter('insertEvent', () => gate.promise)
  const answer = books()
  await isCalled('insertEvent')
  expect(await erases(email)).toBe(true)
  gate.resolve()
  expect(await answer).toMatchObject(isGone)
  expect(calendar.confirmed).toHaveLength(1)
  await sweeps()
  expect(calendar.confirmed).toEqual([])
  expect(await books()).toMatchObject(isGone)
  expect(await count('visitors where id = $1 and name is null and email is null', visitor.id)).toBe(1)
  expect(await count('mails where to_address = $1 or reply_to = $1', email)).toBe(0)
})

test('an erasure that comes while a booking is written down takes the mails about it along', async () => {
  const { email, books } = await aBooking({ connected: false })
  const { answer, erasure } = await holding('lock table outbox in share mode', async () => {
    const answer = books()
    await waitsFor('relation')
    const erasure = erases(email)
    await waitsFor('transactionid')
    return { answer, erasure }
  })
  await Promise.all([answer, erasure])
  expect(await count('meetings where email = $1', email)).toBe(0)
  expect(await count('mails where to_address = $1 or reply_to = $1', email)).toBe(0)
})

// these move the clock, so they come last
for (const [what, ends] of Object.entries({
  erased: ({ email }: { email: string }) => erases(email),
  cancelled: async ({ host }: { host: AgentActor }) => {
    const { meetings } = await host.http.get<MeetingPage>('/meetings')
    await host.http.post(`/meetings/${meetings[0]?.id}/cancel`)
  },
}))
  test(`no event is left of a booking that was ${what}, even by a process that died in the midst of making it`, async () => {
    const booking = await aBooking({ connected: true })
    const { clock } = foyer
    // a slow machine must not outlast the lease
    clock.stopAt(clock.now())
    onTestFinished(() => clock.set(clock.now()))
    const gate = Promise.withResolvers<void>()
    calendar.answersAfter('insertEvent', () => gate.promise)
    calendar.fails({ action: 'insertEvent', when: 'after' })
    const answer = booking.books()
    await isCalled('insertEvent')
    await ends(booking)
    // another process finds what has to be ended, while the event is still on its way
    await sweeps()
    gate.resolve()
    await waitFor('the event is there', () => calendar.confirmed.length > 0)
    clock.advance(60_000)
    await sweeps()
    expect(calendar.confirmed).toEqual([])
    await answer
  })

import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { SharedCalendar } from '#core/contracts/meetings.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { Browser, identityOf } from '#tests/core/widget/signed.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { Guest, setMeetingSettings, share } from './a-booking.ts'

/** Whoever locks a visitor and a chat of theirs locks the visitor first: two who did it the other way round would wait for each other
 *  until PostgreSQL broke one of them off. */

test.afterEach(({ foyer }) => retireEverybody(foyer))

async function aChat(foyer: TestFoyer) {
  const browser = await Browser.open(foyer)
  const visitorId = browser.session.visitorId
  const host = await foyer.agent()
  await setMeetingSettings(host, {})
  const { id } = await browser.http.post<{ id: string }>('/widget/conversations', {
    text: 'May I see you?',
    clientId: randomUUID(),
  })
  await host.accepts(id)
  return { browser, visitorId, host, id }
}

type Chat = Awaited<ReturnType<typeof aChat>>

const someoneWaits = (foyer: TestFoyer, locktype: string) =>
  waitFor(`somebody waits for a lock (${locktype})`, async () => {
    const { rowCount } = await foyer.pool.query(
      `select from pg_locks where not granted and locktype = $1
         and pid in (select pid from pg_stat_activity where datname = current_database())`,
      [locktype],
    )
    return (rowCount ?? 0) > 0
  })

const everyWay = {
  'an agent shares a calendar': async (_foyer: TestFoyer, { host, id }: Chat) => {
    return () => share(host, id)
  },
  'the visitor asks for a link': async (foyer: TestFoyer, { browser, host }: Chat) => {
    await foyer.pool.query('update sites set settings = settings || $2::jsonb where id = $1', [
      foyer.site.id,
      JSON.stringify({ booking: { by: 'agent', agentId: host.id } }),
    ])
    return () => browser.http.post('/widget/booking-links')
  },
  'a time is booked': async (foyer: TestFoyer, { browser, host, id }: Chat) => {
    const guest = new Guest(foyer.origin, (await share(host, id)).token, browser)
    const { slots } = await guest.slots()
    return () => guest.books(slots[0]?.start, { email: `${randomUUID()}@northwind.test` })
  },
}

for (const [what, prepare] of Object.entries(everyWay))
  test(`${what} while somebody else has the visitor and wants the chat as well: both go through`, async ({
    foyer,
  }) => {
    const chat = await aChat(foyer)
    const act = await prepare(foyer, chat)
    // as whoever makes one visitor of two does, or leaves a message
    const other = await foyer.pool.connect()
    let acting: Promise<unknown>
    try {
      await other.query('begin')
      await other.query('select from visitors where id = $1 for update', [chat.visitorId])
      acting = act()
      await someoneWaits(foyer, 'transactionid')
      await other.query('select from conversations where id = $1 for update', [chat.id])
    } finally {
      await other.query('rollback')
      other.release()
    }
    await acting
  })

test('a calendar that is shared while its visitor signs in is shared with whoever they are', async ({
  foyer,
}) => {
  const sub = `user-${randomUUID()}`
  const laptop = await Browser.open(foyer, identityOf(foyer, sub))
  const { browser, host, id } = await aChat(foyer)
  const other = await foyer.pool.connect()
  let [signing, sharing]: [Promise<unknown>?, Promise<SharedCalendar>?] = []
  try {
    await other.query('begin')
    // what signing in does after it has locked the visitor and their chats
    await other.query('lock table files in share mode')
    signing = browser.comesBack(identityOf(foyer, sub))
    await someoneWaits(foyer, 'relation')
    sharing = share(host, id)
    await someoneWaits(foyer, 'transactionid')
  } finally {
    await other.query('rollback')
    other.release()
  }
  const [shared] = await Promise.all([sharing, signing])
  const { rows } = await foyer.pool.query('select visitor_id from calendar_shares where token = $1', [
    shared?.token,
  ])
  expect(rows).toEqual([{ visitor_id: laptop.session.visitorId }])
})

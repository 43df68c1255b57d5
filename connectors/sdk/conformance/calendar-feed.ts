import assert from 'node:assert/strict'
import type { ChangedEvent } from '../calendar.ts'
import { CursorExpiredError } from '../errors.ts'
import { aMeeting, at, type CalendarSession } from './calendar-samples.ts'
import type { Rule } from './index.ts'
import type { CalendarVendor } from './vendor.ts'

/** Reads on until there is no more for now. */
async function readOn(session: CalendarSession, from: string | null) {
  const changes: ChangedEvent[] = []
  for (let cursor = from; ; ) {
    const page = await session.calendar.changes(session.connection(), session.vendor.calendars.main, cursor)
    changes.push(...page.changes)
    cursor = page.cursor
    if (page.done) return { changes, cursor }
  }
}

/** As whoever follows the feed knows it: what it does not tell is read. */
async function knownOf(session: CalendarSession, { id, event }: ChangedEvent) {
  const calendarId = session.vendor.calendars.main
  return event ?? (await session.calendar.readEvent(session.connection(), { calendarId, id }))
}

export const calendarFeedTests: Rule<CalendarVendor>[] = [
  {
    name: 'the feed begins with now, however much there is',
    run: async (session) => {
      const { vendor } = session
      for (const hour of [8, 9, 10, 11, 12])
        await vendor.addEvent(vendor.calendars.main, { time: { start: at(hour), end: at(hour + 1) } })
      assert.deepEqual((await readOn(session, null)).changes, [])
    },
  },
  {
    name: 'what is moved, answered and deleted in the calendar comes through the feed',
    run: async (session) => {
      const { vendor } = session
      const { main } = vendor.calendars
      const { id } = aMeeting()
      await session.calendar.insertEvent(session.connection(), main, aMeeting())
      let { cursor } = await readOn(session, null)
      const next = async () => {
        const read = await readOn(session, cursor)
        cursor = read.cursor
        const mine = read.changes.findLast((one) => one.id === id)
        assert(mine, 'the change is missing')
        return knownOf(session, mine)
      }
      await vendor.moveEvent(main, id, { start: at(14), end: at(15) })
      assert.equal((await next())?.start.getTime(), at(14).getTime())
      await vendor.answerAsGuest(main, id, 'declined')
      assert.equal((await next())?.guests[0]?.response, 'declined')
      await vendor.deleteEvent(main, id)
      const gone = await next()
      assert(gone === null || gone.state === 'cancelled')
      assert.deepEqual((await readOn(session, cursor)).changes, [])
    },
  },
  {
    name: 'read again from the same place, the feed tells it again',
    run: async (session) => {
      const { vendor } = session
      const { cursor } = await readOn(session, null)
      const ids: string[] = []
      for (const hour of [8, 9, 10])
        ids.push(
          await vendor.addEvent(vendor.calendars.main, { time: { start: at(hour), end: at(hour + 1) } }),
        )
      for (let round = 0; round < 2; round++) {
        const { changes } = await readOn(session, cursor)
        assert.deepEqual([...new Set(changes.map(({ id }) => id))].sort(), [...ids].sort())
      }
    },
  },
  {
    name: 'a place in the feed that is too old says so, and beginning anew works',
    needs: 'forgetChanges',
    run: async (session) => {
      const { cursor } = await readOn(session, null)
      await session.vendor.forgetChanges?.()
      assert((await session.refusal(readOn(session, cursor))) instanceof CursorExpiredError)
      await readOn(session, (await readOn(session, null)).cursor)
    },
  },
  {
    name: 'an open channel is called when something changes, and a closed one is not',
    needs: 'takeCalls',
    run: async (session) => {
      const { vendor, calendar } = session
      const { main } = vendor.calendars
      assert(calendar.channels)
      const channel = { id: 'a-channel', token: 'a-secret-token', address: 'https://foyer.example.com/hook' }
      const { resourceId, expiresAt } = await calendar.channels.open(session.connection(), main, channel)
      assert(expiresAt > vendor.now())
      await vendor.addEvent(main, { time: { start: at(9), end: at(10) } })
      const calls = vendor.takeCalls?.() ?? []
      assert(calls.length > 0, 'nobody called')
      for (const { address, headers } of calls) {
        assert.equal(address, channel.address)
        const said = { channelId: channel.id, resourceId, token: channel.token }
        assert.deepEqual(calendar.channels.read({ headers }), said)
      }
      assert.equal(calendar.channels.read({ headers: {} }), null)
      for (let round = 0; round < 2; round++)
        await calendar.channels.close(session.connection(), { id: channel.id, resourceId })
      await vendor.addEvent(main, { time: { start: at(11), end: at(12) } })
      assert.deepEqual(vendor.takeCalls?.(), [])
    },
  },
]

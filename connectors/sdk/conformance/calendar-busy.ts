import assert from 'node:assert/strict'
import { startOfDay } from '../days.ts'
import { ProviderAnswerError, ProviderUnavailableError, RateLimitedError } from '../errors.ts'
import { items } from '../paging.ts'
import { at, busyTimes, type CalendarSession, stretch } from './calendar-samples.ts'
import type { Rule } from './index.ts'
import type { CalendarVendor } from './vendor.ts'

/** The ids in the mirror's reading of the main calendar, with their times. */
async function mirrored(session: CalendarSession): Promise<{ id: string; time: number[] }[]> {
  const { vendor, calendar } = session
  const between = { timeZone: vendor.timeZone, from: at(0, 1), to: at(0, 30) }
  const found: { id: string; time: number[] }[] = []
  const read = (cursor: string | null) =>
    calendar.busyEvents(session.connection(), vendor.calendars.main, between, cursor)
  for await (const { id, start, end } of items(read)) found.push({ id, time: stretch(start, end) })
  return found.sort((a, b) => (a.time[0] ?? 0) - (b.time[0] ?? 0))
}

export const calendarBusyTests: Rule<CalendarVendor>[] = [
  {
    name: 'the account’s calendars are listed, with those that meetings can be put into',
    run: async (session) => {
      const listed = await session.calendar.calendars(session.connection())
      for (const id of Object.values(session.vendor.calendars)) {
        const calendar = listed.find((one) => one.id === id)
        assert(calendar?.mayWrite, `${id} is not among those to write into`)
        assert.notEqual(calendar.name, '')
      }
    },
  },
  {
    name: 'what stands in the calendar is busy; what is transparent, cancelled or declined is not',
    run: async (session) => {
      const { vendor } = session
      const { main, other } = vendor.calendars
      await vendor.addEvent(main, { time: { start: at(9), end: at(10) } })
      for (const kind of ['transparent', 'cancelled', 'declined'] as const)
        await vendor.addEvent(main, { time: { start: at(12), end: at(13) }, kind })
      await vendor.addEvent(other, { time: { start: at(15), end: at(16) } })
      const mine = stretch(at(9), at(10))
      assert.deepEqual(await busyTimes(session), [mine])
      assert.deepEqual(
        (await mirrored(session)).map(({ time }) => time),
        [mine],
      )
      assert.deepEqual(await busyTimes(session, { calendarIds: [main, other] }), [
        mine,
        stretch(at(15), at(16)),
      ])
    },
  },
  {
    name: 'what lies before or after, or only touches, is not told',
    run: async (session) => {
      const { main } = session.vendor.calendars
      for (const hour of [8, 9, 10])
        await session.vendor.addEvent(main, { time: { start: at(hour), end: at(hour + 1) } })
      assert.deepEqual(await busyTimes(session, { from: at(9), to: at(10) }), [stretch(at(9), at(10))])
    },
  },
  {
    name: 'a whole day is a day of the calendar’s zone, however long it is',
    run: async (session) => {
      const { vendor } = session
      await vendor.addEvent(vendor.calendars.main, { time: { from: '2027-03-28', until: '2027-03-29' } })
      const [from, to] = [new Date('2027-03-20T00:00:00Z'), new Date('2027-04-05T00:00:00Z')]
      const day = stretch(
        startOfDay('2027-03-28', vendor.timeZone),
        startOfDay('2027-03-29', vendor.timeZone),
      )
      assert.deepEqual(await busyTimes(session, { from, to }), [day])
    },
  },
  {
    name: 'a whole day is busy at its first and its last hour, also when no more is asked for',
    run: async (session) => {
      const { vendor } = session
      await vendor.addEvent(vendor.calendars.main, { time: { from: '2027-03-28', until: '2027-03-29' } })
      const [begins = 0, ends = 0] = stretch(
        startOfDay('2027-03-28', vendor.timeZone),
        startOfDay('2027-03-29', vendor.timeZone),
      )
      const hourMs = 3_600_000
      const isBusy = async (from: number) => {
        const to = from + hourMs
        const times = await busyTimes(session, { from: new Date(from), to: new Date(to) })
        return times.some(([start = 0, end = 0]) => start <= from && end >= to)
      }
      assert.deepEqual(
        [
          await isBusy(begins - hourMs),
          await isBusy(begins),
          await isBusy(ends - hourMs),
          await isBusy(ends),
        ],
        [false, true, true, false],
      )
    },
  },
  {
    name: 'an event of each week is busy at the same hour of its zone in winter and in summer',
    run: async (session) => {
      const { vendor } = session
      const start = new Date('2027-03-22T09:00:00Z')
      const time = { start, end: new Date(start.getTime() + 3_600_000) }
      await vendor.addEvent(vendor.calendars.main, { time, weeks: 2 })
      const [from, to] = [new Date('2027-03-20T00:00:00Z'), new Date('2027-04-05T00:00:00Z')]
      const starts = (await busyTimes(session, { from, to })).map(([begin = 0]) => begin)
      const later = Temporal.Instant.fromEpochMilliseconds(start.getTime())
        .toZonedDateTimeISO(vendor.timeZone)
        .add({ weeks: 1 }).epochMilliseconds
      assert.deepEqual(starts, [start.getTime(), later])
    },
  },
  {
    name: 'a calendar that is not there is unknown, and unknown is not free',
    run: async (session) => {
      const { main } = session.vendor.calendars
      const gone = `${main.replace(/\/?$/, '')}-not-there/`
      await session.refusal(busyTimes(session, { calendarIds: [main, gone] }))
    },
  },
  {
    name: 'a calendar that the provider cannot tell of is unknown, although the answer is well otherwise',
    needs: 'makeUnknown',
    run: async (session) => {
      const { main, other } = session.vendor.calendars
      session.vendor.makeUnknown?.(other)
      await session.refusal(busyTimes(session, { calendarIds: [main, other] }))
      assert.deepEqual(await busyTimes(session), [])
    },
  },
  ...(['no_answer', 'down', 'truncated', 'garbage'] as const).map(
    (fault): Rule<CalendarVendor> => ({
      name: `nothing is taken for free when asking fails: ${fault}`,
      run: async (session) => {
        await session.vendor.addEvent(session.vendor.calendars.main, { time: { start: at(9), end: at(10) } })
        session.vendor.fail('read', fault)
        const error = await session.refusal(busyTimes(session))
        assert(error instanceof ProviderUnavailableError || error instanceof ProviderAnswerError, error.code)
        assert.equal((await busyTimes(session)).length, 1)
      },
    }),
  ),
  {
    name: 'the provider’s own limit is told as such, with how long to wait',
    run: async (session) => {
      session.vendor.fail('read', 'limited')
      const error = await session.refusal(busyTimes(session))
      assert(error instanceof RateLimitedError, error.code)
      assert(error.retryAfterMs > 0)
    },
  },
]

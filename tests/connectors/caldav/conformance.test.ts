import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { caldav } from '#connectors/caldav/index.ts'
import { at, busyTimes, stretch } from '#connectors/sdk/conformance/calendar-samples.ts'
import { testCalendarConformance } from '#connectors/sdk/conformance/index.ts'
import { Session } from '#connectors/sdk/conformance/session.ts'
import { ProviderAnswerError } from '#connectors/sdk/errors.ts'
import { aCaldavVendor } from './a-vendor.ts'
import { type Radicale, startRadicale } from './radicale.ts'

let radicale: Radicale
beforeAll(async () => {
  radicale = await startRadicale()
})

testCalendarConformance(caldav, () => aCaldavVendor(radicale), { test, can: ['forgetChanges'] })

async function connected() {
  const vendor = await aCaldavVendor(radicale)
  const session = await Session.start(caldav, vendor)
  onTestFinished(() => session.end())
  return { vendor, session }
}

test('the calendars have the names that people gave them', async () => {
  const { session } = await connected()
  const listed = await caldav.calendar.calendars(session.connection())
  expect(listed.map(({ name }) => name).sort()).toEqual(['Calendar main', 'Calendar other'])
})

test('an event of every week counts each time of it, however long ago it began', async () => {
  const { vendor, session } = await connected()
  const start = new Date('2026-06-15T09:00:00Z')
  const end = new Date('2026-06-15T10:00:00Z')
  await vendor.addEvent(vendor.calendars.main, { time: { start, end }, weeks: 100 })
  expect(await busyTimes(session, { from: at(0, 14), to: at(0, 16) })).toEqual([
    stretch(at(9, 14), at(10, 14)),
  ])
})

test('an address with no CalDAV behind it says so', async () => {
  const { session, vendor } = await connected()
  vendor.fail('read', 'garbage')
  await expect(caldav.identify(session.connection())).rejects.toThrow(ProviderAnswerError)
})

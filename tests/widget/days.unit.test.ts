import { beforeAll, expect, test } from 'vitest'
import type { Slot } from '#core/contracts/slots.ts'
import { ZoneClock, zones } from '../../widget/app/booking/days.ts'
import { chooseLanguage } from '../../widget/app/words.ts'

// the module is shared with other files, which speak as they like
beforeAll(() => chooseLanguage(['en']))

const every = (minutes: number, from: string, count: number): Slot[] =>
  Array.from({ length: count }, (_, place) => {
    const at = Date.parse(from) + place * minutes * 60_000
    return { start: new Date(at).toISOString(), end: new Date(at + minutes * 60_000).toISOString() }
  })
const labels = (zone: string, slots: Slot[]) =>
  new ZoneClock(zone)
    .days(slots)
    .flatMap(({ parts }) => parts.flatMap(({ times }) => times.map(({ label }) => label)))

test('of the hour that autumn repeats both are named by how far clocks are ahead', () => {
  expect(labels('Europe/Rome', every(30, '2026-10-24T23:30:00Z', 6))).toEqual([
    '1:30 AM',
    '2:00 AM GMT+2',
    '2:30 AM GMT+2',
    '2:00 AM GMT+1',
    '2:30 AM GMT+1',
    '3:00 AM',
  ])
})

test('so are those of the half hour that Lord Howe Island repeats', () => {
  expect(labels('Australia/Lord_Howe', every(30, '2027-04-03T14:00:00Z', 4))).toEqual([
    '1:00 AM',
    '1:30 AM GMT+11',
    '1:30 AM GMT+10:30',
    '2:00 AM',
  ])
})

test('and those of the two hours that Troll in Antarctica repeats', () => {
  expect(labels('Antarctica/Troll', every(60, '2026-10-24T22:00:00Z', 6))).toEqual([
    '12:00 AM',
    '1:00 AM GMT+2',
    '2:00 AM GMT+2',
    '1:00 AM GMT+0',
    '2:00 AM GMT+0',
    '3:00 AM',
  ])
})

test('a time that stands by itself names the zone, and one that is named the wrong way round only by how far it is ahead', () => {
  const at = Date.parse('2026-06-01T18:15:00Z')
  expect(new ZoneClock('Asia/Kathmandu').whenThere(at)).toBe(
    'Tuesday, June 2, 12:00 AM, Kathmandu (GMT+5:45)',
  )
  // as browsers still call it
  expect(new ZoneClock('Asia/Calcutta').name(at)).toBe('Kolkata (GMT+5:30)')
  expect(new ZoneClock('Etc/GMT+5').whenThere(at)).toBe('Monday, June 1, 1:15 PM, GMT-5')
})

test('zones are found under the names of today, each once, and taken as this browser calls them', () => {
  const browsers = Intl.supportedValuesOf('timeZone')
  const old = ['Asia/Calcutta', 'Asia/Katmandu', 'Asia/Rangoon', 'Asia/Saigon', 'Europe/Kiev']
  expect(browsers).toEqual(expect.arrayContaining(old))
  const listed = zones('Europe/Rome')
  const names = listed.map(([name]) => name)
  expect(listed.filter(([, zone]) => old.includes(zone))).toEqual([
    ['Asia/Ho Chi Minh', 'Asia/Saigon'],
    ['Asia/Kathmandu', 'Asia/Katmandu'],
    ['Asia/Kolkata', 'Asia/Calcutta'],
    ['Asia/Yangon', 'Asia/Rangoon'],
    ['Europe/Kyiv', 'Europe/Kiev'],
  ])
  expect(names).toEqual(['UTC', ...names.filter((name) => name !== 'UTC').sort()])
  // the one in use has its place even where the browser calls it otherwise
  expect(zones('Asia/Kolkata').map(([name]) => name)).toEqual(names)
  expect(zones('Asia/Kolkata')).toContainEqual(['Asia/Kolkata', 'Asia/Kolkata'])
})

test('the hour that spring leaves out is not missed, and no time of another night is marked', () => {
  expect(labels('Europe/Rome', every(30, '2027-03-28T00:00:00Z', 4))).toEqual([
    '1:00 AM',
    '1:30 AM',
    '3:00 AM',
    '3:30 AM',
  ])
  expect(labels('Europe/Rome', every(30, '2026-10-23T23:30:00Z', 3))).toEqual([
    '1:30 AM',
    '2:00 AM',
    '2:30 AM',
  ])
})

test('a day is that of the zone, and each time has the offset of its own day', () => {
  const clock = new ZoneClock('Asia/Kathmandu')
  const at = Date.parse('2026-06-01T18:15:00Z')
  expect(clock.dateOf(at)).toBe('2026-06-02')
  expect(clock.when(at)).toBe('Tuesday, June 2, 12:00 AM')
  expect(clock.name(at)).toBe('Kathmandu (GMT+5:45)')
  const rome = new ZoneClock('Europe/Rome')
  expect([
    rome.name(Date.parse('2026-06-01T00:00:00Z')),
    rome.name(Date.parse('2026-12-01T00:00:00Z')),
  ]).toEqual(['Rome (GMT+2)', 'Rome (GMT+1)'])
  expect(new ZoneClock('UTC').name(at)).toBe('UTC')
  // of a night in which clocks are set back, both
  expect(rome.name(Date.parse('2026-10-24T23:00:00Z'), Date.parse('2026-10-25T10:00:00Z'))).toBe(
    'Rome (GMT+2/GMT+1)',
  )
})

test('days without anything free are left out, the parts of a day come in turn', () => {
  const days = new ZoneClock('UTC').days([
    ...every(60, '2026-06-01T11:00:00Z', 2),
    ...every(60, '2026-06-01T18:00:00Z', 1),
    ...every(60, '2026-06-04T09:00:00Z', 1),
  ])
  expect(days.map(({ key, weekday, number, month }) => [key, weekday, number, month])).toEqual([
    ['2026-06-01', 'Mon', '1', 'June'],
    ['2026-06-04', 'Thu', '4', 'June'],
  ])
  expect(days[0]?.parts.map(({ part }) => part)).toEqual(['morning', 'afternoon', 'evening'])
})

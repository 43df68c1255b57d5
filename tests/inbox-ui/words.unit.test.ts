import { expect, test } from 'vitest'
import { titleOf } from '../../inbox-ui/app/title.ts'
import { reasonInWords } from '../../inbox-ui/availability/words.ts'
import { pieces } from '../../inbox-ui/conversations/links.ts'
import { waitTone } from '../../inbox-ui/conversations/summary.ts'
import { en } from '../../inbox-ui/messages/en/index.ts'
import { Format, namedZones } from '../../inbox-ui/messages/format.ts'
import { bestMatch, type Catalogue, languageFor } from '../../inbox-ui/messages/language.ts'
import { hostAndPathOf, isWebAddress, pathOf } from '../../inbox-ui/parts/address.ts'
import { hueOf, initialsOf } from '../../inbox-ui/parts/hue.ts'
import { textColourOn } from '../../inbox-ui/sites/contrast.ts'
import { originsOf } from '../../inbox-ui/sites/origins.ts'
import { localTime, sourceOf } from '../../inbox-ui/visitors/words.ts'
import { anOffer } from './samples.ts'

const format = new Format('en-GB', 'Europe/Rome')
const text = en(format)
const now = Date.parse('2026-11-22T13:00:00Z')
const minute = 60_000

const linked = (line: string) => pieces(line).map(({ text, href }) => (href ? `<${text}>` : text))

test('web addresses become links, and the sentence keeps its punctuation', () => {
  expect(linked('See https://a.test/x?y=1, or (http://b.test/c_(d)).')).toEqual([
    'See ',
    '<https://a.test/x?y=1>',
    ', or (',
    '<http://b.test/c_(d)>',
    ').',
  ])
})

test('only http and https become links', () => {
  for (const line of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'ftp://a.test'])
    expect(linked(line)).toEqual([line])
})

test('text with links is still the whole text', () => {
  const line = 'a https://x.test/"><script>alert(1)</script> b https://y.test'
  expect(
    pieces(line)
      .map(({ text }) => text)
      .join(''),
  ).toBe(line)
  expect(pieces(line).every(({ href }) => !href || /^https?:/.test(href))).toBe(true)
})

test('brackets and dots without end cost one pass, not one each', () => {
  const began = process.cpuUsage()
  for (const noise of [')', '.', '.)', '(', ').a'])
    expect(linked(`http://a.test/${noise.repeat(100_000)}`).join('').length).toBeGreaterThan(100_000)
  // what took a pass for each took a minute and more
  expect(process.cpuUsage(began).user / 1_000).toBeLessThan(5_000)
})

test('waiting turns amber at two minutes and red at five', () => {
  expect([0, 119_999, 120_000, 299_999, 300_000].map(waitTone)).toEqual([
    'plain',
    'plain',
    'late',
    'late',
    'bad',
  ])
})

test('lengths are given in their largest whole unit', () => {
  const lengths = [0, 59_999, minute, 59 * minute, 60 * minute, 47 * 60 * minute, 48 * 60 * minute]
  expect(lengths.map((ms) => format.length(ms).replace('\u00a0', ' '))).toEqual([
    '0 s',
    '59 s',
    '1 min',
    '59 min',
    '1 h',
    '1 d',
    '2 d',
  ])
})

test('an instant is a time today, a weekday within the week, a date beyond', () => {
  expect(format.timeOrDay(now + 60 * minute, now)).toBe('15:00')
  expect(format.timeOrDay(now + 24 * 60 * minute, now)).toBe('Mon 14:00')
  expect(format.timeOrDay(now + 10 * 24 * 60 * minute, now)).toBe('2 Dec 14:00')
})

// in each zone: an instant of the first turn, one of the second, and when the reader looks
const repeated = [
  ['Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '02:30', 'GMT+2', 'GMT+1'],
  ['Australia/Lord_Howe', '2027-04-03T14:45:00Z', '2027-04-03T15:15:00Z', '01:45', 'GMT+11', 'GMT+10:30'],
  ['Antarctica/Troll', '2026-10-24T23:30:00Z', '2026-10-25T01:30:00Z', '01:30', 'GMT+2', 'GMT+0'],
] as const

test.each(repeated)(
  'of the time that autumn repeats in %s both are told apart',
  (zone, first, second, time, early, late) => {
    const there = new Format('en-GB', zone)
    const before = Date.parse(first) - 4 * 86_400_000
    const timeOf = (at: string | number) => there.when(at, before).split(', ').at(-1)
    const both = (write: (at: string) => string | undefined) => [write(first), write(second)]
    expect(both((at) => there.startTime(at))).toEqual([`${time} ${early}`, `${time} ${late}`])
    expect(both((at) => there.timeOrDay(at, before))).toEqual([`Sun ${time} ${early}`, `Sun ${time} ${late}`])
    expect(both((at) => there.timeOrDay(at, Date.parse(at)))).toEqual([`${time} ${early}`, `${time} ${late}`])
    expect(both(timeOf)).toEqual([`${time} ${early}`, `${time} ${late}`])
    // the day before and the day after have no second turn
    for (const at of [Date.parse(first) - 86_400_000, Date.parse(second) + 86_400_000])
      expect([there.startTime(at), timeOf(at)]).toEqual([there.time(at), there.time(at)])
  },
)

test('half-hour zones that change nothing have plain times, of their own day', () => {
  const kolkata = new Format('en-GB', 'Asia/Kolkata')
  const at = '2026-10-25T18:30:00Z'
  expect([kolkata.dayKey(at), kolkata.startTime(at), kolkata.when(at, Date.parse(at))]).toEqual([
    '2026-10-26',
    '00:00',
    'Mon 26 Oct, 00:00',
  ])
})

test('a time that stands by itself says where the clock hangs that shows it', () => {
  const at = '2026-10-25T00:30:00Z'
  expect(format.whenThere(at, now)).toBe('Sun 25 Oct, 02:30 GMT+2 (Rome)')
  expect(format.whenThere(at, now, 'Asia/Kathmandu')).toBe('Sun 25 Oct, 06:15 (Kathmandu)')
  // the other way round than its name says
  expect(format.whenThere(at, now, 'Etc/GMT+5')).toBe('Sat 24 Oct, 19:30 (UTC−5)')
  expect(new Format('en-GB', 'Asia/Calcutta').place).toBe('Kolkata')
  expect(new Format('en-GB', 'America/Argentina/Buenos_Aires').place).toBe('Buenos Aires')
})

test('zones are offered under the names of today, each once, and the reader’s own among them', () => {
  const zones = namedZones('Asia/Calcutta')
  expect(zones).toContainEqual(['Asia/Kolkata', 'Asia/Calcutta'])
  const names = zones.map(([name]) => name)
  expect(names).toEqual([...new Set(names)].sort())
  for (const name of ['UTC', 'Asia/Ho Chi Minh', 'Europe/Kyiv', 'Pacific/Chuuk', 'America/New York'])
    expect(names).toContain(name)
  expect(
    names.filter((name) => /Calcutta|Saigon|Rangoon|Katmandu|Kiev|Truk|Ponape|Asmera/.test(name)),
  ).toEqual([])
  expect(namedZones('Mars/Base_One')).toContainEqual(['Mars/Base One', 'Mars/Base_One'])
})

test('the day of an instant is the reader’s, not UTC’s', () => {
  expect(format.dayKey('2026-11-22T23:30:00Z')).toBe('2026-11-23')
})

const tags = (wanted: string[], known: string[]) => Object.values(bestMatch(wanted, known) ?? {})

test('the first language that is spoken wins, and dates follow the reader’s own variety of it', () => {
  expect(tags(['fr', 'en-AU', 'en'], ['en'])).toEqual(['en', 'en-AU'])
  expect(tags(['en', 'fr'], ['en', 'fr'])).toEqual(['en', 'en'])
  expect(tags(['fr-CA'], ['en', 'fr'])).toEqual(['fr', 'fr-CA'])
  expect(tags(['ja'], ['en'])).toEqual([])
})

test('regions meet by the script they write, and no reader gets one they cannot read', () => {
  expect(tags(['zh-HK'], ['en', 'zh-Hans', 'zh-Hant'])).toEqual(['zh-Hant', 'zh-HK'])
  expect(tags(['zh-CN'], ['en', 'zh-Hans', 'zh-Hant'])).toEqual(['zh-Hans', 'zh-CN'])
  expect(tags(['pt-PT'], ['en', 'pt-BR'])).toEqual(['pt-BR', 'pt-PT'])
  expect(tags(['pt-PT'], ['pt-BR', 'pt-PT'])).toEqual(['pt-PT', 'pt-PT'])
  expect(tags(['sr-Latn', 'iw'], ['en', 'sr', 'he'])).toEqual(['he', 'iw'])
})

test('what is no language tag is passed over', () => {
  expect(tags(['', 'C', 'en_US.UTF-8', '*', 'en-GB'], ['en'])).toEqual(['en', 'en-GB'])
})

test('a catalogue is loaded for its readers, and English stands in for one that does not come', async () => {
  const arabic: Catalogue = (f) => ({ ...en(f), language: 'ar', direction: 'rtl' })
  const catalogues = {
    ar: async () => ({ default: arabic }),
    fr: () => Promise.reject(new TypeError('Failed to fetch')),
  }
  const { text, format } = await languageFor(['ar-EG', 'en'], catalogues)
  expect([text.language, text.direction, format.number(12)]).toEqual(['ar', 'rtl', '١٢'])
  expect((await languageFor(['fr', 'en-GB'], catalogues)).text.language).toBe('en')
  expect((await languageFor([], catalogues)).text.language).toBe('en')
})

const zone = { timeZone: 'Europe/Rome' }
const reason = (
  code: 'set_by_you_until' | 'missed_offers_until' | 'set_by_supervisor_until',
  until: string,
) =>
  reasonInWords(
    { available: false, source: 'override', until, reason: { code, until, ...zone, ends: 'midnight' } },
    text,
    format,
    now,
  )

test('the switch says why and until when', () => {
  const schedule = { available: true, source: 'schedule' as const, until: '2026-11-22T16:00:00Z' }
  const until = schedule.until
  expect(
    reasonInWords({ ...schedule, reason: { code: 'by_schedule_until', until, ...zone } }, text, format, now),
  ).toBe('by schedule until 17:00')
  expect(
    reasonInWords({ ...schedule, until: null, reason: { code: 'by_schedule', ...zone } }, text, format, now),
  ).toBe('by schedule')
  expect(reason('set_by_you_until', '2026-11-23T08:00:00Z')).toBe('set by you until Mon 09:00')
  expect(reason('missed_offers_until', '2026-11-23T08:00:00Z')).toBe('you missed two chats: come back?')
})

test('the tab’s title counts what is unread and flashes while offers wait', () => {
  const state = { page: 'Inbox', unread: 3, offers: [], tick: 0, text }
  expect(titleOf(state)).toBe('(3) Inbox · Foyer')
  expect(titleOf({ ...state, unread: 0 })).toBe('Inbox · Foyer')
  const offers = [anOffer('a')]
  expect(titleOf({ ...state, offers })).toBe('● Chat from Tom Becker')
  expect(titleOf({ ...state, offers, tick: 1_000 })).toBe('(3) Inbox · Foyer')
})

test('a page is named by its path, a home page by its host', () => {
  expect(pathOf('https://shop.test/trade/halo-40?x=1#y')).toBe('/trade/halo-40')
  expect(pathOf('https://shop.test/caf%C3%A9')).toBe('/café')
  expect(pathOf('https://shop.test/%E0%A4%A')).toBe('/%E0%A4%A')
  expect(pathOf('https://shop.test/')).toBe('shop.test')
  expect(pathOf('no address')).toBe('no address')
  expect(hostAndPathOf('https://evil.test/trade?x=1')).toBe('evil.test/trade')
  expect(hostAndPathOf('https://shop.test/')).toBe('shop.test')
  expect(isWebAddress('javascript:alert(1)')).toBe(false)
})

test('where a visitor came from: campaign, else the referring page, else nothing', () => {
  const utm = { source: 'google', medium: 'cpc', campaign: 'spring-trade' }
  expect(sourceOf({ utm, referrer: 'https://google.test/' })).toBe('google / cpc, spring-trade')
  expect(sourceOf({ utm: { utm_source: 'x' }, referrer: null })).toBe('x')
  expect(sourceOf({ utm: null, referrer: 'https://blog.test/lamps' })).toBe('blog.test/lamps')
  expect(sourceOf({ utm: null, referrer: 'https://blog.test/' })).toBe('blog.test')
  expect(sourceOf({ utm: null, referrer: null })).toBeNull()
})

test.each([
  ['en-US', '2:05 PM', 'Sun, Nov 22, 2:05 PM'],
  ['en-GB', '14:05', 'Sun 22 Nov, 14:05'],
])('times in %s as its readers write them', (locale, clock, when) => {
  const at = '2026-11-22T13:05:00Z'
  const format = new Format(locale, 'Europe/Rome')
  expect(format.time(at).replace('\u202f', ' ')).toBe(clock)
  expect(format.when(at, now, 'Europe/Rome').replace('\u202f', ' ')).toBe(when)
})

test('local time names the place, and is unknown for a zone nobody knows', () => {
  expect(localTime('America/New_York', now, format)).toBe('08:00, New York')
  expect(localTime('Mars/Olympus', now, format)).toBeNull()
  expect(localTime(null, now, format)).toBeNull()
})

test('initials and colours', () => {
  expect(['Sofia Ricci', 'Ōno', '  anna  maria  berg ', '…', '', null].map(initialsOf)).toEqual([
    'SR',
    'Ō',
    'AB',
    null,
    null,
    null,
  ])
  expect(hueOf('visitor-1')).toBe(hueOf('visitor-1'))
  expect([...'abcdefgh'].map(hueOf).every((hue) => hue >= 1 && hue <= 8)).toBe(true)
})

test('text on a brand colour is black or white, whichever reads better', () => {
  expect(['#ffffff', '#ffd400', '#1d4f3f', '#000000'].map(textColourOn)).toEqual([
    '#000000',
    '#000000',
    '#ffffff',
    '#ffffff',
  ])
})

test('allowed addresses are taken as people paste them', () => {
  expect(originsOf(' https://www.a.test/shop/ \nhttp://b.test:8080, https://www.a.test\nnonsense')).toEqual([
    'https://www.a.test',
    'http://b.test:8080',
    'nonsense',
  ])
})

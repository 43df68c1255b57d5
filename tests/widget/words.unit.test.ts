import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { emailError, fieldError } from '../../widget/app/fields.ts'
import { pageView, readStart } from '../../widget/app/host.ts'
import { linkPieces } from '../../widget/app/links.ts'
import { backAgain, shortDay, zoneCity } from '../../widget/app/time.ts'
import { chooseLanguage, direction, locale, t } from '../../widget/app/words.ts'

beforeEach(() => {
  vi.stubEnv('TZ', 'Europe/Rome')
  return chooseLanguage(['en-GB'])
})
afterEach(() => {
  vi.unstubAllEnvs()
})

test('the pieces of a text are the text, and only web addresses become links', () => {
  const scrap = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.webPath({ size: '-1' }).map((path) => `https://a.test${path}`),
    fc.constantFrom(
      'javascript:alert(1)',
      'http://',
      'https://a.test/x).',
      '<a href="https://b.test">',
      'data:text/html,x',
    ),
  )
  fc.assert(
    fc.property(fc.array(scrap, { maxLength: 8 }), (scraps) => {
      const text = scraps.join(' ')
      const pieces = linkPieces(text)
      expect(pieces.map((piece) => piece.text).join('')).toBe(text)
      for (const { href } of pieces) if (href !== undefined) expect(href).toMatch(/^https?:\/\//)
    }),
  )
})

test('a long text costs little, whatever is in it', () => {
  const began = process.cpuUsage()
  for (const filler of [')', '.', '(', 'https://a.test/)', 'http://', '.x']) {
    linkPieces(`https://a.test/${filler.repeat(10_000 / filler.length)}`)
  }
  // of work, since the machine may be busy with something else
  expect(process.cpuUsage(began).user / 1_000).toBeLessThan(500)
})

test.each([
  ['See https://a.test/x.', 'https://a.test/x'],
  ['(https://a.test/x)', 'https://a.test/x'],
  ['https://a.test/x_(y)', 'https://a.test/x_(y)'],
  ['HTTP://A.TEST/X, please', 'http://a.test/X'],
  ['“https://a.test”', 'https://a.test/'],
])('in %s the link is %s', (text, href) => {
  expect(linkPieces(text).flatMap((piece) => piece.href ?? [])).toEqual([href])
})

test('when somebody is back is said in the visitor’s own zone', () => {
  const now = Date.parse('2026-11-18T19:58:00Z')
  const back = (backAt: string | null) => backAgain({ open: false, backAt }, now)
  expect(back('2026-11-19T08:00:00Z')).toEqual({
    title: 'We are back tomorrow at 09:00',
    text: 'Your time (Rome), in about 12 hours.',
  })
  expect(back('2026-11-18T20:59:00Z')).toEqual({
    title: 'We are back today at 21:59',
    text: 'Your time (Rome), in about 1 hour.',
  })
  expect(back('2026-11-18T20:00:00Z').text).toBe('Your time (Rome), in about 2 minutes.')
  expect(back('2026-11-23T08:00:00Z').title).toBe('We are back on Monday at 09:00')
  expect(back('2026-12-23T08:00:00Z').title).toBe('We are back on 23 December at 09:00')
  expect(back(null).title).toBe('Nobody is here right now')
})

test('a day is named by how long ago it is', () => {
  const now = Date.parse('2026-11-18T19:58:00Z')
  expect(shortDay(Date.parse('2026-11-18T08:05:00Z'), now)).toBe('09:05')
  expect(shortDay(Date.parse('2026-11-13T08:05:00Z'), now)).toBe('Friday')
  expect(shortDay(Date.parse('2026-01-13T08:05:00Z'), now)).toBe('13 Jan 2026')
  expect(zoneCity('America/Argentina/Buenos_Aires')).toBe('Buenos Aires')
  // as browsers still call them
  expect(['Asia/Calcutta', 'Asia/Saigon'].map(zoneCity)).toEqual(['Kolkata', 'Ho Chi Minh'])
})

test('plurals follow the language, and an unknown language leaves English', async () => {
  expect(t('inDays', { count: 1 })).toBe('in about 1 day')
  expect(t('inDays', { count: 1_000 })).toBe('in about 1,000 days')
  await chooseLanguage(['xx', 'ar-EG'])
  expect([locale, direction]).toEqual(['en', 'ltr'])
})

test('an e-mail address is faulted in words', () => {
  expect(emailError('sofia.ricci@northwind')).toBe('Something is missing after “northwind”, such as .com')
  expect(emailError('sofia')).toContain('has an @')
  expect(emailError('@northwind.test')).toContain('before the @')
  expect(emailError('a b@northwind.test')).toContain('does not look like')
  expect(emailError(' sofia.ricci@northwind.test ')).toBeNull()
  expect(fieldError('email', '', false)).toBeNull()
  expect(fieldError('email', ' ', true)).toContain('is needed')
  expect(fieldError('phone', '+39 0', false)).toContain('five digits')
})

test('a fragment that is no route stays in the browser', () => {
  const view = (url: string) => pageView([url, '', '']).url
  expect(view('https://shop.test/a?b=c#access_token=secret')).toBe('https://shop.test/a?b=c')
  expect(view('https://shop.test/#/cart')).toBe('https://shop.test/#/cart')
  expect(pageView(['https://shop.test/', '', ''])).toMatchObject({ title: null, referrer: null })
})

test('a frame without a host to talk to still has colours', () => {
  const start = readStart(new URL('https://foyer.test/widget/frame?site=demo') as unknown as Location)
  expect(start).toMatchObject({ siteKey: 'demo', hostOrigin: '' })
  const fragment = encodeURIComponent(JSON.stringify(['https://shop.test', '#123456', 'dark']))
  const told = readStart(
    new URL(`https://foyer.test/widget/frame?site=demo#${fragment}`) as unknown as Location,
  )
  expect(told).toEqual({ siteKey: 'demo', hostOrigin: 'https://shop.test', brand: '#123456', theme: 'dark' })
})

import { afterEach, expect, test, vi } from 'vitest'
import { Booking, type BookingOptions } from '../../widget/app/booking/booking.svelte.ts'

afterEach(() => vi.unstubAllGlobals())

const page = {
  organisation: 'Meridian',
  agent: { id: 'a', name: 'Ada' },
  team: null,
  durationMinutes: 30,
  timeZone: 'UTC',
  location: null,
  video: false,
  prefill: { name: 'Sofia', email: 'sofia@northwind.test' },
  consent: null,
  bookable: true,
  reason: null,
  meetings: [],
}
const slot = { start: '2026-12-01T09:00:00.000Z', end: '2026-12-01T09:30:00.000Z' }
const problem = (status: number, code: string) =>
  new Response(JSON.stringify({ status, code, title: code, detail: 'Not now.' }), { status })

/** A card whose bookings are answered so, with the keys that it sends. */
async function aCard(answers: Response[], options: Partial<BookingOptions> = {}) {
  const keys: string[] = []
  vi.stubGlobal('fetch', async (path: string, { method, body }: { method: string; body: string }) => {
    if (method === 'POST') {
      keys.push(JSON.parse(body).idempotencyKey)
      return answers.shift()
    }
    return new Response(JSON.stringify(path.includes('/slots') ? { slots: [slot], nextFree: slot } : page))
  })
  const card = new Booking({ place: { share: 'token' }, ...options })
  await card.start()
  card.choose(slot)
  for (let left = answers.length; left > 0; left--) await card.confirm()
  return { card, keys }
}

test('a card that was told to wait sends the same booking again, and another one after any other refusal', async () => {
  const wait = () => problem(429, 'rate_limited')
  const { keys } = await aCard([
    wait(),
    wait(),
    problem(409, 'too_many_meetings'),
    problem(409, 'too_many_meetings'),
  ])
  const [first, second, third, fourth] = keys
  expect([second, third]).toEqual([first, first])
  expect(fourth).not.toBe(first)
})

test('a calendar that takes nothing sends nobody into a chat that is not there', async () => {
  const refused = () => [problem(409, 'calendar_refused')]
  const { card: onPage } = await aCard(refused())
  expect(onPage.problem).toMatch(/Choose another time, or try again later\.$/)
  const { card: inChat } = await aCard(refused(), { visitor: () => 'token' })
  expect(inChat.problem).toMatch(/Choose another time, or send us a message\.$/)
})

test('a meeting that was moved by its host while its guest chose another time is shown where it is, once it is kept', async () => {
  const meeting = { id: 'm', state: 'booked', ...slot, agent: page.agent, movingTo: null, token: 'm' }
  const later = { start: '2026-12-01T11:00:00.000Z', end: '2026-12-01T11:30:00.000Z' }
  let now = meeting
  vi.stubGlobal(
    'fetch',
    async (path: string) =>
      new Response(JSON.stringify(path.includes('/slots') ? { slots: [slot], nextFree: slot } : now)),
  )
  const card = new Booking({ place: { meeting: 'm' } })
  await card.start()
  await card.move()
  now = { ...meeting, ...later }
  await card.news()
  expect(card.view).toBe('times')
  card.keep()
  await expect.poll(() => card.meeting?.start).toBe(later.start)
  expect(card.view).toBe('meeting')
})

test('a card says until when the time was offered that it books', async () => {
  let sent = {}
  vi.stubGlobal('fetch', async (path: string, { method, body }: { method: string; body: string }) => {
    if (method === 'POST') {
      sent = JSON.parse(body)
      return problem(409, 'slot_taken')
    }
    return new Response(JSON.stringify(path.includes('/slots') ? { slots: [slot], nextFree: slot } : page))
  })
  const card = new Booking({ place: { share: 'token' } })
  await card.start()
  card.choose(slot)
  await card.confirm()
  expect(sent).toMatchObject(slot)
  expect([card.view, card.days]).toEqual(['times', []])
})

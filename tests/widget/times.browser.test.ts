import { expect, test } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import type { Booking } from '../../widget/app/booking/booking.svelte.ts'
import { ZoneClock } from '../../widget/app/booking/days.ts'
import Times from '../../widget/app/booking/Times.svelte'

/** A card on which something is free on these days of June. */
function bookingOn(days: number[]): Booking {
  const clock = new ZoneClock('UTC')
  const slots = days.map((day) => {
    const at = Date.UTC(2026, 5, day, 9)
    return { start: new Date(at).toISOString(), end: new Date(at + 1_800_000).toISOString() }
  })
  const booking = {
    clock,
    days: clock.days(slots),
    zone: 'UTC',
    exhausted: true,
    near: null,
    later: async () => {},
    choose: () => {},
  }
  return booking as unknown as Booking
}

const dayButtons = () => page.getByRole('group', { name: 'Day' }).getByRole('button', { name: /June/ })
const pressed = () =>
  dayButtons()
    .elements()
    .flatMap((one, place) => (one.ariaPressed === 'true' ? place : []))

test('arrows go through the days, and with another key held they are the browser’s', async () => {
  render(Times, { booking: bookingOn([1, 2, 3]), shownDays: 5 })
  const first = dayButtons().first().element() as HTMLElement
  first.focus()
  for (const held of ['Alt', 'Control', 'Meta']) {
    const keyed = new Promise<boolean>((resolve) =>
      addEventListener('keydown', (event) => event.key === 'ArrowRight' && resolve(event.defaultPrevented)),
    )
    first.dispatchEvent(
      new KeyboardEvent('keydown', {
        key: 'ArrowRight',
        bubbles: true,
        cancelable: true,
        altKey: held === 'Alt',
        ctrlKey: held === 'Control',
        metaKey: held === 'Meta',
      }),
    )
    expect([held, await keyed, document.activeElement === first]).toEqual([held, false, true])
  }
  await userEvent.keyboard('{ArrowRight}')
  expect(pressed()).toEqual([1])
})

test('one of the days shown can be reached by the keyboard, also when earlier ones have come before the chosen one', async () => {
  const { rerender } = await render(Times, { booking: bookingOn([8, 9, 10, 11, 12]), shownDays: 5 })
  await dayButtons().nth(2).click()
  expect(pressed()).toEqual([2])
  await rerender({ booking: bookingOn([1, 2, 3, 4, 5, 8, 9, 10, 11, 12]), shownDays: 5 })
  await expect.poll(pressed).toEqual([0])
  expect(
    dayButtons()
      .elements()
      .map((one) => (one as HTMLElement).tabIndex),
  ).toEqual([0, -1, -1, -1, -1])
})

test('at the last days, and at the first, the keyboard stays on the button that went there', async () => {
  render(Times, { booking: bookingOn([1, 2, 3, 4, 5, 8, 9]), shownDays: 5 })
  for (const [name, next] of [
    ['Later days', [0]],
    ['Earlier days', [0]],
  ] as const) {
    const button = page.getByRole('button', { name }).element() as HTMLElement
    button.focus()
    await userEvent.keyboard('{Enter}')
    // a disabled button would lose it in the next frame
    for (let frames = 0; frames < 2; frames++) await new Promise(requestAnimationFrame)
    expect(document.activeElement).toBe(button)
    expect(pressed()).toEqual(next)
  }
})

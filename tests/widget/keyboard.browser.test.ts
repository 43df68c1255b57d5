import { expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import BookingCard from '../../widget/app/booking/BookingCard.svelte'
import type { Booking } from '../../widget/app/booking/booking.svelte.ts'
import Confirm from '../../widget/app/booking/Confirm.svelte'
import { ZoneClock } from '../../widget/app/booking/days.ts'
import EmojiPicker from '../../widget/app/parts/EmojiPicker.svelte'

const keyboardOn = () => document.activeElement

test('an emoji is looked for at once, though the button that asked still has the keyboard', async () => {
  const opener = document.body.appendChild(document.createElement('button'))
  opener.focus()
  const onchoose = vi.fn()
  await render(EmojiPicker, { onchoose, onclose: () => {} })
  expect(keyboardOn()).toBe(page.getByRole('searchbox').element())
  await userEvent.keyboard('tada{Enter}')
  expect(onchoose).toHaveBeenCalledWith('🎉')
  opener.remove()
})

/** A time that somebody is about to book. */
const chosen = (more: Partial<Booking>) =>
  ({
    clock: new ZoneClock('UTC'),
    chosen: { start: '2037-10-25T00:30:00.000Z', end: '2037-10-25T01:00:00.000Z' },
    moves: false,
    name: '',
    email: '',
    note: '',
    errors: {},
    busy: false,
    confirm: async () => {},
    ...more,
  }) as Partial<Booking> as Booking

test('what is wrong with a booking gets the keyboard, the first of it', async () => {
  const errors = { name: 'A name is needed.', email: 'An address has an @.' }
  await render(Confirm, { booking: chosen({ errors }) })
  ;(page.getByRole('button', { name: 'Confirm' }).element() as HTMLElement).focus()
  await userEvent.keyboard('{Enter}')
  await expect.poll(keyboardOn).toBe(page.getByRole('textbox', { name: 'Name' }).element())
})

test('while a booking is on its way its button keeps the keyboard', async () => {
  await render(Confirm, { booking: chosen({ busy: true }) })
  const button = page.getByRole('button', { name: 'One moment…' }).element() as HTMLElement
  button.focus()
  expect(keyboardOn()).toBe(button)
  expect(button.ariaDisabled).toBe('true')
})

test('in a log a card does not read out all its times with each day that is looked at', async () => {
  const booking = { view: 'closed', label: 'Dana', start: () => {}, stop: () => {} } as unknown as Booking
  await render(BookingCard, { options: { place: { share: 'token' } }, booking })
  expect(page.getByRole('group', { name: 'Dana' }).element().ariaLive).toBe('off')
})

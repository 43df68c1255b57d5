import { expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import type { Meeting } from '../../core/contracts/meetings.ts'
import type { Slot } from '../../core/contracts/slots.ts'
import { App } from '../../inbox-ui/app/app.svelte.ts'
import { Inbox } from '../../inbox-ui/app/inbox.svelte.ts'
import MoveMeeting from '../../inbox-ui/meetings/MoveMeeting.svelte'
import ShareCalendar from '../../inbox-ui/meetings/ShareCalendar.svelte'
import { en } from '../../inbox-ui/messages/en/index.ts'
import { Format } from '../../inbox-ui/messages/format.ts'
import { ModelServer } from './model-server.ts'
import Stage from './Stage.svelte'
import { aConversation } from './samples.ts'

/** An agent's screen in some zone, at a server that has these answers. */
function anAppIn(zone: string, answers: Record<string, unknown>) {
  const format = new Format('en-GB', zone)
  const app = new App({
    language: { format, text: en(format) },
    fetch: async (address) => Response.json(answers[new URL(String(address), 'http://foyer.test').pathname]),
  })
  app.session.enter(new ModelServer().me)
  return { app, inbox: new Inbox(app, { socketUrl: 'ws://foyer.test' }) }
}

const half = 30 * 60_000
const slotsFrom = (first: string, count: number): Slot[] =>
  Array.from({ length: count }, (_, place) => {
    const at = Date.parse(first) + place * half
    return { start: new Date(at).toISOString(), end: new Date(at + half).toISOString() }
  })

const nights = [
  {
    zone: 'Europe/Berlin',
    slots: slotsFrom('2026-10-24T23:30:00Z', 6),
    labels: ['01:30', '02:00 GMT+2', '02:30 GMT+2', '02:00 GMT+1', '02:30 GMT+1', '03:00'],
  },
  {
    zone: 'Australia/Lord_Howe',
    slots: slotsFrom('2027-04-03T14:00:00Z', 4),
    labels: ['01:00', '01:30 GMT+11', '01:30 GMT+10:30', '02:00'],
  },
  { zone: 'Asia/Kolkata', slots: slotsFrom('2026-10-25T04:00:00Z', 2), labels: ['09:30', '10:00'] },
]

test.each(nights)(
  'times to move a meeting to in $zone are told apart, and fit their places',
  async ({ zone, slots, labels }) => {
    const meeting = { id: 'm', guest: { name: 'Sofia Ricci' }, start: slots[0]?.start } as Meeting
    const app = anAppIn(zone, { '/api/v1/meetings/m/slots': { slots, nextFree: slots[0] } })
    render(Stage, { ...app, part: MoveMeeting, with: { meeting, onclose: () => {}, onmoved: () => {} } })
    const times = page.getByRole('group').getByRole('radio')
    await expect.element(times.first()).toBeVisible()
    const shown = times.elements().map((radio) => radio.closest('label') as HTMLElement)
    expect(shown.map((one) => one.textContent.trim())).toEqual(labels)
    // each on one line, and all of it to be read
    expect(shown.map((one) => [one.offsetHeight, one.scrollWidth - one.clientWidth])).toEqual(
      labels.map(() => [40, 0]),
    )
  },
)

test.each(nights)(
  'the next free time of a calendar in $zone says which of two it is',
  async ({ zone, slots, labels }) => {
    const calendars = slots.map((nextFree, place) => ({
      agent: { id: `a${place}`, name: `Agent ${place}` },
      own: false,
      teams: [],
      calendar: null,
      connector: null,
      state: 'ok',
      reason: null,
      durationMinutes: 30,
      timeZone: zone,
      nextFree,
    }))
    const app = anAppIn(zone, { '/api/v1/calendars': { calendars } })
    render(Stage, { ...app, part: ShareCalendar, with: { open: true, conversation: aConversation('c') } })
    const options = page.getByRole('radiogroup', { name: 'Calendar' }).getByRole('radio')
    await expect.element(options.first()).toBeVisible()
    const times = options
      .elements()
      .map((radio) => radio.closest('label')?.querySelector('time')?.textContent)
    expect(times.map((time) => time?.replace(/^.* (?=\d\d:)/, ''))).toEqual(labels)
  },
)

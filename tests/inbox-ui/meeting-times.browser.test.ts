import { expect, test } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import type { Meeting } from '../../core/contracts/meetings.ts'
import type { Slot } from '../../core/contracts/slots.ts'
import type { Activity } from '../../core/contracts/visitors.ts'
import { App } from '../../inbox-ui/app/app.svelte.ts'
import { Inbox } from '../../inbox-ui/app/inbox.svelte.ts'
import ChangeMeeting from '../../inbox-ui/meetings/ChangeMeeting.svelte'
import MoveMeeting from '../../inbox-ui/meetings/MoveMeeting.svelte'
import ShareCalendar from '../../inbox-ui/meetings/ShareCalendar.svelte'
import UpcomingMeetings from '../../inbox-ui/meetings/UpcomingMeetings.svelte'
import { en } from '../../inbox-ui/messages/en/index.ts'
import { Format } from '../../inbox-ui/messages/format.ts'
import HistorySection from '../../inbox-ui/visitors/HistorySection.svelte'
import { History } from '../../inbox-ui/visitors/visitor-panel.svelte.ts'
import { ModelServer } from './model-server.ts'
import Stage from './Stage.svelte'
import { aConversation } from './samples.ts'

/** An agent's screen in some zone, at a server that has these answers. */
function anAppIn(zone: string, answers: Record<string, unknown>) {
  const format = new Format('en-GB', zone)
  const app = new App({
    language: { format, text: en(format) },
    fetch: async (address, { method } = {}) => {
      const { pathname } = new URL(String(address), 'http://foyer.test')
      return Response.json(answers[method && method !== 'GET' ? `${method} ${pathname}` : pathname])
    },
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

const sofia = { name: 'Sofia Ricci', email: 'sofia@northwind.test', erased: false }
/** On the night that clocks in Rome go back, at the second 02:30. */
const atNight = {
  id: 'm',
  title: 'Lamps',
  state: 'booked',
  guest: sofia,
  agent: { id: 'a', name: 'Dana Weber' },
  start: '2037-10-25T01:30:00.000Z',
  end: '2037-10-25T02:00:00.000Z',
  movingTo: null,
  conversationId: null,
} as Partial<Meeting> as Meeting

test('whoever moves or cancels a meeting reads in whose zone its time is, before and after', async () => {
  const moved = { ...atNight, start: '2037-10-25T00:30:00.000Z' }
  const app = anAppIn('Europe/Rome', {
    '/api/v1/meetings/m/slots': { slots: slotsFrom('2037-10-25T00:30:00Z', 2), nextFree: null },
    'POST /api/v1/meetings/m/reschedule': moved,
  })
  const { rerender } = await render(Stage, {
    ...app,
    part: ChangeMeeting,
    with: { moving: atNight, onchanged: () => {} },
  })
  await expect
    .element(
      page.getByText(
        'With Sofia Ricci, now Sun, 25 Oct 2037, 02:30 GMT+1 (Rome). Foyer tells them the new time.',
      ),
    )
    .toBeVisible()
  await page.getByRole('radio', { name: '02:30 GMT+2' }).click()
  await page.getByRole('button', { name: 'Reschedule', exact: true }).click()
  await expect
    .element(page.getByRole('status'))
    .toHaveTextContent('The meeting with Sofia Ricci is now on Sun, 25 Oct 2037, 02:30 GMT+2 (Rome).')
  await rerender({ with: { moving: null, cancelling: atNight, onchanged: () => {} } })
  await expect
    .element(
      page.getByText(
        'Sofia Ricci is told that the meeting on Sun, 25 Oct 2037, 02:30 GMT+1 (Rome) is cancelled.',
      ),
    )
    .toBeVisible()
})

test('beside a chat a meeting’s time and the one it is being moved to name their zone', async () => {
  const meetings = [{ ...atNight, movingTo: '2037-10-25T00:30:00.000Z' }]
  const app = anAppIn('Asia/Kolkata', { '/api/v1/visitors/v/meetings': { meetings } })
  render(Stage, { ...app, part: UpcomingMeetings, with: { visitorId: 'v' } })
  await expect.element(page.getByText('Sun, 25 Oct 2037, 07:00 (Kolkata), with Dana Weber')).toBeVisible()
  await expect.element(page.getByText('Being moved to Sun, 25 Oct 2037, 06:00 (Kolkata)')).toBeVisible()
})

test('a day of the history that has a meeting names the zone above its times, told apart where they repeat', async () => {
  const anActivity = (id: string, at: string, more: Partial<Activity> = {}): Activity => ({
    id,
    kind: 'meeting',
    at,
    title: `Meeting ${id}`,
    detail: null,
    source: 'foyer',
    conversationId: null,
    agentName: null,
    outcome: null,
    pages: null,
    isAllDay: false,
    url: null,
    ...more,
  })
  const activities = [
    anActivity('fair', '2026-10-26T12:00:00.000Z', { isAllDay: true, source: 'salesforce' }),
    anActivity('second', '2026-10-25T01:30:00.000Z'),
    anActivity('first', '2026-10-25T00:30:00.000Z'),
    anActivity('note', '2026-10-23T09:00:00.000Z', { kind: 'note' }),
  ]
  const { app, inbox } = anAppIn('Europe/Rome', {
    '/api/v1/visitors/v/activities': { activities, nextCursor: null },
  })
  const history = new History(app.api, 'v')
  await history.load()
  render(Stage, { app, inbox, part: HistorySection, with: { history } })
  const days = page.getByRole('heading', { level: 3 })
  await expect.element(days.first()).toBeVisible()
  expect(days.elements().map((day) => /Times in \w+/.exec(day.textContent)?.[0])).toEqual([
    'Times in Rome',
    'Times in Rome',
    undefined,
  ])
  const items = page.getByRole('region', { name: 'Activity history' }).getByRole('listitem')
  // what lasts all day has no time
  expect(items.elements().map((item) => item.querySelector('time')?.textContent)).toEqual([
    undefined,
    '02:30 GMT+1',
    '02:30 GMT+2',
    '11:00',
  ])
})

test('calendars to share are looked for by name and by team, and only one on the screen is sent', async () => {
  const [sales, support] = [
    { id: 't1', name: 'Sales' },
    { id: 't2', name: 'Support' },
  ]
  const [nextFree] = slotsFrom('2037-06-01T09:00:00Z', 1)
  const aCalendar = (id: string, name: string, teams: object[], own = false) => ({
    agent: { id, name },
    own,
    teams,
    calendar: null,
    connector: null,
    state: 'ok',
    reason: null,
    durationMinutes: 30,
    timeZone: 'Europe/Rome',
    nextFree,
  })
  const calendars = [
    aCalendar('a1', 'Dana Weber', [sales], true),
    aCalendar('a2', 'Marco Bianchi', [sales, support]),
    aCalendar('a3', 'Ada Admin', []),
  ]
  const { app, inbox } = anAppIn('Europe/Rome', { '/api/v1/calendars': { calendars } })
  render(Stage, { app, inbox, part: ShareCalendar, with: { open: true, conversation: aConversation('c') } })
  const dialog = page.getByRole('dialog', { name: 'Share calendar' })
  const names = () =>
    dialog
      .getByRole('radio')
      .elements()
      .map((radio) => radio.closest('label')?.querySelector('bdi')?.textContent)
  const send = dialog.getByRole('button', { name: 'Send' })
  const team = dialog.getByRole('combobox', { name: 'Team' })
  const search = dialog.getByRole('searchbox', { name: 'Search agents' })

  await expect.poll(names).toEqual(['Dana Weber', 'Marco Bianchi', 'Ada Admin'])
  await expect.element(dialog.getByRole('radio', { name: /Dana/ })).toBeChecked()
  await userEvent.selectOptions(team, 'Support')
  await expect.poll(names).toEqual(['Marco Bianchi'])
  // the one that was chosen is not on the screen any more
  await expect.element(send).toHaveAttribute('aria-disabled', 'true')
  await userEvent.selectOptions(team, 'Sales')
  await expect.poll(names).toEqual(['Dana Weber', 'Marco Bianchi'])
  await expect.element(send).not.toHaveAttribute('aria-disabled')
  await search.fill(' BIAN ')
  await expect.poll(names).toEqual(['Marco Bianchi'])
  await search.fill('ada')
  // she is in no team
  await expect.element(dialog.getByText('No calendar found for “ada”')).toBeVisible()
  await userEvent.selectOptions(team, 'All teams')
  await expect.poll(names).toEqual(['Ada Admin'])
  await search.fill('')
  await userEvent.selectOptions(team, 'Support')
  await expect.poll(names).toEqual(['Marco Bianchi'])
})

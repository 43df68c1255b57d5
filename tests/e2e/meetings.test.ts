import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { GuestMeeting } from '#core/contracts/meetings.ts'
import { sweepClocks } from '#core/features/meetings/clocks.ts'
import { eraseEverywhere } from '#core/features/people/erase.ts'
import { screenshot, screenshots } from '../support/browser.ts'
import { canBeMet } from '../support/can-be-met.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import type { InboxScreen } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'

// what was booked, as agents have it: beside the chat and on the page Meetings
let stage: Stage

beforeAll(async () => {
  // the Friday before Europe sets its clocks back, in a year that is ahead of every browser's clock
  stage = await setStage({ startsAt: new Date('2037-10-23T06:00:00Z') })
})

const rome = { timezoneId: 'Europe/Rome', locale: 'en-GB' }

async function anAgent(name: string, profile: 'live_agent' | 'admin' = 'live_agent') {
  const agent = await stage.agent({ name, profile, email: `${randomUUID()}@foyer.test`, browser: rome })
  await canBeMet(stage.foyer.pool, agent.row.id, { daysAhead: 60 })
  return agent
}

/** A meeting as a guest books it, in the chat that is given or without one. */
async function booked(
  agentId: string,
  guest: { name: string; email: string },
  { start = '2037-10-26T09:00:00Z', conversationId = null as string | null } = {},
): Promise<GuestMeeting> {
  const { pool, clock, origin } = stage.foyer
  const token = randomUUID()
  await pool.query(
    `insert into calendar_shares (id, token, agent_id, conversation_id, visitor_id, created_at)
     values ($1, $2, $3, $4, (select visitor_id from conversations where id = $4), $5)`,
    [randomUUID(), token, agentId, conversationId, clock.now()],
  )
  const answer = await fetch(`${origin}/api/v1/booking/${token}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ start, ...guest, idempotencyKey: randomUUID(), timeZone: 'Europe/Rome' }),
  })
  expect(answer.status).toBe(201)
  return (await answer.json()) as GuestMeeting
}

const stateOf = async ({ id }: GuestMeeting) => {
  const { rows } = await stage.foyer.pool.query<{ state: string; by: string | null; start: Date }>(
    'select state, cancelled_by as by, start_at as start from meetings where id = $1',
    [id],
  )
  return rows[0]
}

const meetingsPage = async ({ page }: InboxScreen) => {
  await page.getByRole('link', { name: 'Meetings' }).click()
  await page.getByRole('table', { name: 'Meetings' }).waitFor()
}
/** Told aloud, and the keyboard is there, since the button that had it is gone. */
const saidAndHeld = async ({ page }: InboxScreen, text: string) => {
  await page.getByRole('status').getByText(text).waitFor()
  await page.waitForFunction((text) => document.activeElement?.textContent === text, text)
}
const row = ({ page }: InboxScreen, name: string) => page.getByRole('row', { name: new RegExp(name) })

test('what is ahead stands above the history, and is moved and cancelled from the chat', async () => {
  const agent = await anAgent('Dana Weber')
  const { id } = await (await stage.visitorOffStage()).asks()
  await agent.accept()
  const meeting = await booked(
    agent.row.id,
    { name: 'Sofia Ricci', email: 'sofia.ricci@northwind.test' },
    { conversationId: id },
  )
  const ahead = agent.visitor.getByRole('region', { name: 'Upcoming meetings' })
  // heard of without a reload, its time with the zone that it is in
  await ahead.getByText('Mon 26 Oct, 10:00 (Rome), with Dana Weber').waitFor()
  const [above, below] = await Promise.all([ahead.boundingBox(), agent.history.boundingBox()])
  expect((above?.y ?? 0) + (above?.height ?? 0)).toBeLessThanOrEqual(below?.y ?? 0)
  await screenshot(agent.page, 'inbox-upcoming')
  await axeFindsNothing(agent.page, 'meetings beside a chat')

  await ahead.getByRole('button', { name: 'Reschedule the meeting with Sofia Ricci' }).click()
  const dialog = agent.page.getByRole('dialog', { name: 'Reschedule meeting' })
  // where it is already is no choice
  await dialog.getByRole('radio', { name: '10:30' }).waitFor()
  expect(await dialog.getByRole('radio', { name: '10:00' }).count()).toBe(0)
  await dialog.getByRole('combobox', { name: 'Day' }).selectOption('Tuesday 27 October')
  await dialog.getByText('Times in Rome').waitFor()
  await dialog.getByRole('radio', { name: '11:30' }).check()
  await screenshot(agent.page, 'inbox-reschedule')
  await axeFindsNothing(agent.page, 'the dialog to reschedule')
  await dialog.getByRole('button', { name: 'Reschedule', exact: true }).click()
  await dialog.waitFor({ state: 'hidden' })
  await ahead.getByText('Tue 27 Oct, 11:30 (Rome), with Dana Weber').waitFor()
  expect(await stateOf(meeting)).toMatchObject({ state: 'booked', start: new Date('2037-10-27T10:30:00Z') })

  await ahead.getByRole('button', { name: 'Cancel the meeting with Sofia Ricci' }).click()
  const ask = agent.page.getByRole('dialog', { name: 'Cancel meeting' })
  await ask
    .getByText('Sofia Ricci is told that the meeting on Tue 27 Oct, 11:30 (Rome) is cancelled.')
    .waitFor()
  await ask.getByRole('button', { name: 'Keep it' }).click()
  expect(await stateOf(meeting)).toMatchObject({ state: 'booked' })
  await ahead.getByRole('button', { name: 'Cancel the meeting with Sofia Ricci' }).click()
  await ask.getByRole('button', { name: 'Cancel meeting', exact: true }).click()
  await ahead.waitFor({ state: 'hidden' })
  expect(await stateOf(meeting)).toMatchObject({ state: 'cancelled', by: 'agent' })
  await saidAndHeld(agent, 'The meeting with Sofia Ricci is cancelled.')
})

test('an agent has their own meetings, and whoever supervises those of all', async () => {
  const [dana, admin] = [await anAgent('Dana Weber'), await anAgent('Ada Admin', 'admin')]
  const tom = { name: 'Tom Becker', email: 'tom.becker@contoso.test' }
  const nadia = { name: 'Nadia Haddad', email: 'nadia@contoso.test' }
  const later = await booked(dana.row.id, tom, { start: '2037-10-28T09:00:00Z' })
  await booked(admin.row.id, nadia, { start: '2037-10-27T09:00:00Z' })

  await meetingsPage(dana)
  await row(dana, 'Tom Becker').getByText('Booked').waitFor()
  await dana.page.getByText('What visitors have booked. Times in Rome.').waitFor()
  expect(await row(dana, 'Nadia Haddad').count()).toBe(0)
  // those of others are not theirs to see, so there is nothing to choose
  expect(await dana.page.getByRole('tab', { name: 'Mine' }).count()).toBe(0)
  expect(await dana.page.getByRole('radio', { name: 'Mine' }).count()).toBe(0)
  // who booked without a chat has a row beside nobody's chat
  expect(await row(dana, 'Tom Becker').getByRole('link').count()).toBe(0)

  await meetingsPage(admin)
  await row(admin, 'Nadia Haddad').waitFor()
  expect(await row(admin, 'Tom Becker').count()).toBe(0)
  await admin.page.getByText('All', { exact: true }).click()
  await row(admin, 'Tom Becker').getByText('Dana Weber').waitFor()
  // the next one first
  const names = await admin.page.getByRole('row').allTextContents()
  expect(names.findIndex((one) => one.includes('Nadia'))).toBeLessThan(
    names.findIndex((one) => one.includes('Tom')),
  )
  await screenshots(admin.page, 'meetings')
  await axeFindsNothing(admin.page, 'Meetings')

  // moved by whoever supervises, and its agent sees it at once
  await admin.button('Reschedule the meeting with Tom Becker').click()
  const dialog = admin.page.getByRole('dialog', { name: 'Reschedule meeting' })
  await dialog.getByRole('combobox', { name: 'Day' }).selectOption('Thursday 29 October')
  await dialog.getByRole('radio', { name: '14:00' }).check()
  await dialog.getByRole('button', { name: 'Reschedule', exact: true }).click()
  await row(admin, 'Tom Becker').getByText('Thu 29 Oct, 14:00').waitFor()
  await admin.page.getByText('The meeting with Tom Becker is now on Thu 29 Oct, 14:00 (Rome).').waitFor()
  await row(dana, 'Tom Becker').getByText('Thu 29 Oct, 14:00').waitFor()
  await dana.button('Cancel the meeting with Tom Becker').click()
  await dana.button('Cancel meeting').click()
  await row(dana, 'Tom Becker').getByText('Cancelled').waitFor()
  await saidAndHeld(dana, 'The meeting with Tom Becker is cancelled.')
  expect(await stateOf(later)).toMatchObject({ state: 'cancelled', by: 'agent' })

  // what is over moves to the other list
  await dana.page.getByText('Past', { exact: true }).click()
  await dana.page.getByText('No meetings so far').waitFor()
  stage.foyer.advance(7 * 86_400_000)
  await dana.page.reload()
  await dana.page.getByText('No meetings ahead').waitFor()
  await dana.page.getByText('Past', { exact: true }).click()
  await row(dana, 'Tom Becker').getByText('Cancelled').waitFor()
})

test('a time that another visitor takes meanwhile is told to whoever moves a meeting', async () => {
  const agent = await anAgent('Marco Bianchi')
  const start = new Date(stage.foyer.clock.now().getTime() + 3 * 86_400_000)
  start.setUTCHours(9, 0, 0, 0)
  const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString()
  const meeting = await booked(
    agent.row.id,
    { name: 'Sofia Ricci', email: 'sofia.ricci@northwind.test' },
    { start: at(0) },
  )
  await meetingsPage(agent)
  await agent.button('Reschedule the meeting with Sofia Ricci').click()
  const dialog = agent.page.getByRole('dialog', { name: 'Reschedule meeting' })
  const days = dialog.getByRole('combobox', { name: 'Day' })
  const day = new Intl.DateTimeFormat('en-GB', {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    timeZone: 'Europe/Rome',
  })
  await days.selectOption(day.format(start))
  const clock = new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    timeZone: 'Europe/Rome',
  })
  const wanted = dialog.getByRole('radio', { name: clock.format(new Date(at(30))) })
  await wanted.check()
  await booked(agent.row.id, { name: 'Tom Becker', email: 'tom.becker@contoso.test' }, { start: at(30) })
  await dialog.getByRole('button', { name: 'Reschedule', exact: true }).click()
  await dialog.getByRole('alert').getByText('This time is not free any more.').waitFor()
  // what is free now, without it
  await wanted.waitFor({ state: 'detached' })
  await screenshot(agent.page, 'inbox-reschedule-taken')
  expect(await stateOf(meeting)).toMatchObject({ state: 'booked', start: new Date(at(0)) })
})

test('a host sees that a meeting is cancelled since its guest was erased, and no name', async () => {
  const agent = await anAgent('Dana Weber')
  const start = new Date(stage.foyer.clock.now().getTime() + 3 * 86_400_000)
  start.setUTCHours(9, 0, 0, 0)
  const guest = { name: 'Erika Example', email: 'erika.example@erased.test' }
  await booked(agent.row.id, guest, { start: start.toISOString() })
  await meetingsPage(agent)
  await row(agent, 'Erika Example').getByText('Booked').waitFor()

  const { app, pool, clock } = stage.foyer
  const erasureId = randomUUID()
  await pool.query('insert into erasures (id, emails, asked_at) values ($1, $2, $3)', [
    erasureId,
    [guest.email],
    clock.now(),
  ])
  expect(await eraseEverywhere(app.services, erasureId)).toBe(true)
  // told while the page is open
  await row(agent, 'Erased').getByText('Cancelled').waitFor()
  await row(agent, 'Erased').getByText('The guest’s data were erased').waitFor()
  expect(await agent.page.getByText(/Erika|erased@/).count()).toBe(0)
  await screenshot(agent.page, 'meetings-erased')
  await axeFindsNothing(agent.page, 'an erased meeting')
})

test('a host whose clock is set by new rules is told so beside Meetings, without any mail', async () => {
  const agent = await anAgent('Nora Lind')
  const { app, pool, clock } = stage.foyer
  const start = new Date(clock.now().getTime() + 3 * 86_400_000)
  start.setUTCHours(9, 0, 0, 0)
  const guest = { name: 'Ida Holm', email: 'ida.holm@tailwind.test' }
  const { id, wallTime } = await booked(agent.row.id, guest, { start: start.toISOString() })
  const told = wallTime.replace(/T.*/, 'T07:15')
  await pool.query('update meetings set agent_wall_time = $2 where id = $1', [id, told])
  await sweepClocks(app.services)
  const way = (name: string) => agent.page.getByRole('link', { name, exact: true })
  await way('Meetings 1 meeting to look at').waitFor()
  await meetingsPage(agent)
  await row(agent, 'Ida Holm')
    .getByText(/was to be .*07:15 there/)
    .waitFor()
  await screenshot(agent.page, 'meetings-to-note')
  await axeFindsNothing(agent.page, 'a meeting of which there is something to be told')
  await row(agent, 'Ida Holm').getByRole('button', { name: 'Done: the meeting with Ida Holm' }).click()
  await way('Meetings').waitFor()
})

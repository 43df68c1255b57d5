import { expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import type { Meeting } from '../../core/contracts/meetings.ts'
import { App } from '../../inbox-ui/app/app.svelte.ts'
import { Inbox } from '../../inbox-ui/app/inbox.svelte.ts'
import MeetingsPage from '../../inbox-ui/meetings/MeetingsPage.svelte'
import { en } from '../../inbox-ui/messages/en/index.ts'
import { Format } from '../../inbox-ui/messages/format.ts'
import { ModelServer } from './model-server.ts'
import Stage from './Stage.svelte'

const { me } = new ModelServer()

const aMeeting: Meeting = {
  id: 'm',
  state: 'booked',
  start: '2037-06-01T07:00:00.000Z',
  end: '2037-06-01T07:30:00.000Z',
  title: 'A talk',
  location: null,
  videoUrl: null,
  movingTo: null,
  cancelledBy: null,
  reason: null,
  agent: { id: me.id, name: me.name },
  timeZone: 'Asia/Kolkata',
  guest: {
    name: 'Sofia Ricci',
    email: 'sofia@northwind.test',
    erased: false,
    note: null,
    timeZone: 'UTC',
    wallTime: '2037-06-01T07:00',
  },
  toldWallTime: '2037-06-01T11:30',
  leftAt: '2037-05-04T06:00:00.000Z',
  guestResponse: null,
  visitorId: null,
  conversationId: null,
  bookedAt: null,
  cancelledAt: null,
}

function anInbox(meeting: Meeting) {
  const format = new Format('en-GB', 'Europe/Rome')
  const calls: string[] = []
  let isNoted = false
  const app = new App({
    language: { format, text: en(format) },
    fetch: async (address, { method = 'GET' } = {}) => {
      const { pathname } = new URL(String(address), 'http://foyer.test')
      calls.push(`${method} ${pathname}`)
      if (method === 'POST') isNoted = true
      const now = isNoted ? { ...meeting, toldWallTime: null, leftAt: null } : meeting
      const answers: Record<string, unknown> = {
        '/api/v1/meetings': { meetings: [now], nextCursor: null },
        '/api/v1/meetings/m/noted': now,
        '/api/v1/meetings/to-note': { count: isNoted ? 0 : 1 },
      }
      return Response.json(answers[pathname])
    },
  })
  app.session.enter({ ...me, permissions: [...me.permissions, 'meetings.view', 'meetings.supervise'] })
  return { app, inbox: new Inbox(app, { socketUrl: 'ws://foyer.test' }), calls }
}

const clocks = /Clocks in Kolkata are set by new rules.*was to be.*1 Jun.*11:30 there/
const left = /still has it on .*4 May.*08:00.*Delete it there/

test('a host reads that their clock shows another time, and what to delete by hand, until they say that it is done', async () => {
  const { app, inbox, calls } = anInbox(aMeeting)
  render(Stage, { app, inbox, part: MeetingsPage })
  await expect.element(page.getByText(clocks)).toBeVisible()
  await expect.element(page.getByText(left)).toBeVisible()
  await page.getByRole('button', { name: 'Done: the meeting with Sofia Ricci' }).click()
  await expect.element(page.getByText(clocks)).not.toBeInTheDocument()
  await expect.element(page.getByText(left)).not.toBeInTheDocument()
  expect(calls).toContain('POST /api/v1/meetings/m/noted')
})

test('of a colleague’s meeting the same is read, and is the colleague’s to do', async () => {
  const there = anInbox({ ...aMeeting, agent: { id: 'other', name: 'Marco Rossi' } })
  render(Stage, { ...there, part: MeetingsPage })
  await expect.element(page.getByText(left)).toBeVisible()
  expect(page.getByRole('button', { name: /^Done/ }).elements()).toEqual([])
})

test('how many there are is asked once something is heard of one', async () => {
  const { inbox, calls } = anInbox(aMeeting)
  expect(inbox.meetingsToNote).toBe(0)
  inbox.apply({ type: 'meeting', meeting: aMeeting })
  await expect.poll(() => inbox.meetingsToNote).toBe(1)
  expect(calls).toEqual(['GET /api/v1/meetings/to-note'])
})

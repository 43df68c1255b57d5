import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import {
  CalendarList,
  FreeSlots,
  ListCalendars,
  ListMeetings,
  Meeting,
  MeetingPage,
  MeetingsToNote,
  RescheduleMeeting,
  ShareCalendar,
  SharedCalendar,
  SlotsQuery,
} from '../../contracts/meetings.ts'
import { freeSlots } from './free.ts'
import { listCalendars, listMeetings, upcomingOf } from './list.ts'
import { cancelMeeting, describeMeeting, meetingFor, rescheduleMeeting } from './manage.ts'
import { shareCalendar } from './shares.ts'
import { countToNote, noteMeeting } from './to-note.ts'

const params = z.object({ id: Id })

/** The agents' side of calendars and meetings. */
export async function meetingRoutes(app: Api): Promise<void> {
  const { services } = app
  const share = {
    preHandler: app.requires('calendars.share'),
    config: { access: 'calendars.share' },
  } as const
  const view = { preHandler: app.requires('meetings.view'), config: { access: 'meetings.view' } } as const
  const manage = {
    preHandler: app.requires('meetings.manage'),
    config: { access: 'meetings.manage' },
  } as const

  app.get(
    '/calendars',
    { ...share, schema: { querystring: ListCalendars, response: { 200: CalendarList } } },
    async ({ query, agent }) => ({ calendars: await listCalendars(services, agent.id, query) }),
  )

  app.post(
    '/conversations/:id/calendar-shares',
    { ...share, schema: { params, body: ShareCalendar, response: { 201: SharedCalendar } } },
    async ({ params, body, agent }, reply) =>
      reply.status(201).send(await shareCalendar(services, agent, params.id, body.agentId)),
  )

  app.get(
    '/meetings',
    { ...view, schema: { querystring: ListMeetings, response: { 200: MeetingPage } } },
    ({ query, agent }) => listMeetings(services, agent, query),
  )

  app.get(
    '/meetings/to-note',
    { ...view, schema: { response: { 200: MeetingsToNote } } },
    async ({ agent }) => ({
      count: await countToNote(services, agent.id),
    }),
  )

  app.post(
    '/meetings/:id/noted',
    { ...view, schema: { params, response: { 200: Meeting } } },
    async ({ params, agent }) =>
      describeMeeting(services, agent, await noteMeeting(services, agent, params.id)),
  )

  app.get(
    '/meetings/:id',
    { ...view, schema: { params, response: { 200: Meeting } } },
    async ({ params, agent }) =>
      describeMeeting(services, agent, await meetingFor(services, agent, params.id)),
  )

  app.get(
    '/meetings/:id/slots',
    { ...view, schema: { params, querystring: SlotsQuery, response: { 200: FreeSlots } } },
    async ({ params, query, agent }) => {
      const moving = await meetingFor(services, agent, params.id)
      return freeSlots(services, { agentId: moving.agentId, teamId: null }, { ...query, moving })
    },
  )

  app.post(
    '/meetings/:id/cancel',
    { ...manage, schema: { params, response: { 200: Meeting } } },
    async ({ params, agent }) => {
      const meeting = await meetingFor(services, agent, params.id)
      return describeMeeting(
        services,
        agent,
        await cancelMeeting(services, meeting, { type: 'agent', agent }),
      )
    },
  )

  app.post(
    '/meetings/:id/reschedule',
    { ...manage, schema: { params, body: RescheduleMeeting, response: { 200: Meeting, 202: Meeting } } },
    async ({ params, body, agent }, reply) => {
      const meeting = await meetingFor(services, agent, params.id)
      const moved = await rescheduleMeeting(services, meeting, body.start, { type: 'agent', agent })
      return reply
        .status(moved.movingTo === null ? 200 : 202)
        .send(await describeMeeting(services, agent, moved))
    },
  )

  // what stands above a visitor's history, whoever's meetings they are
  app.get(
    '/visitors/:id/meetings',
    {
      preHandler: app.requires('visitors.view'),
      config: { access: 'visitors.view' },
      schema: { params, response: { 200: MeetingPage.pick({ meetings: true }) } },
    },
    async ({ params, agent }) => ({ meetings: await upcomingOf(services, agent, params.id) }),
  )
}

import { z } from 'zod'
import type { Api } from '../../app.ts'
import {
  Availability,
  AvailabilityPreviewRequest,
  AvailabilityPreviewResponse,
  AvailabilityQuery,
  AvailabilityRequest,
  Schedule,
} from '../../contracts/availability.ts'
import { Id } from '../../contracts/common.ts'
import {
  AvailabilityExplanation,
  LocalDays,
  LocalDaysQuery,
  SchedulesChange,
  SchedulesChanged,
  TimeZoneList,
} from '../../contracts/schedules.ts'
import { ForbiddenError } from '../../errors.ts'
import { ifMatch } from '../content-version.ts'
import { listTimeZones, localDays } from './days.ts'
import { changeSchedules, previewSchedules } from './many.ts'
import { previewAvailability } from './preview.ts'
import { describeAvailability, explainAvailability, setAvailability, setLiveChatSchedule } from './service.ts'

/** `me` stands for the id of whoever asks. */
const AgentParams = z.object({ id: z.union([z.literal('me'), Id]) })

export async function availabilityRoutes(app: Api): Promise<void> {
  const { services } = app

  app.put(
    '/me/availability',
    {
      preHandler: app.requires('availability.manage'),
      config: { access: 'availability.manage' },
      schema: { body: AvailabilityRequest, response: { 200: Availability } },
    },
    ({ body, agent }) => setAvailability(services, agent.id, body),
  )

  app.get(
    '/agents/:id/availability',
    {
      preHandler: app.requires('agents.view'),
      config: { access: 'agents.view' },
      schema: { params: AgentParams, querystring: AvailabilityQuery, response: { 200: Availability } },
    },
    ({ params, query, agent }) =>
      describeAvailability(
        services.db,
        query.at ?? services.clock.now(),
        params.id === 'me' ? agent.id : params.id,
      ),
  )

  app.get(
    '/agents/:id/availability/explanation',
    {
      preHandler: app.requires('agents.view'),
      config: { access: 'agents.view' },
      schema: {
        params: AgentParams,
        querystring: AvailabilityQuery,
        response: { 200: AvailabilityExplanation },
      },
    },
    ({ params, query, agent }) =>
      explainAvailability(
        services.db,
        services.clock.now(),
        query.at,
        params.id === 'me' ? agent.id : params.id,
      ),
  )

  app.put(
    '/agents/:id/live-chat-schedule',
    {
      preHandler: app.requires('availability.manage'),
      config: { access: 'availability.manage' },
      schema: { params: AgentParams, body: Schedule, response: { 200: Schedule } },
    },
    async ({ params, body, agent, headers }, reply) => {
      const id = params.id === 'me' ? agent.id : params.id
      if (id !== agent.id && !agent.permissions.has('agents.manage'))
        throw new ForbiddenError('agents.manage')
      const before = ifMatch(headers['if-match'])
      const { version, ...schedule } = await setLiveChatSchedule(services, id, body, agent.id, before)
      reply.header('etag', `"${version}"`)
      return schedule
    },
  )

  const several = {
    preHandler: app.requires('agents.manage'),
    config: { access: 'agents.manage' },
    schema: { body: SchedulesChange, response: { 200: SchedulesChanged } },
  } as const
  app.post('/agents/schedules', several, ({ body, agent }) => changeSchedules(services, agent.id, body))
  app.post('/agents/schedules/preview', several, ({ body }) => previewSchedules(services, body))

  // The calendar and clock of a zone, the same for everybody.
  app.get(
    '/availability/days',
    {
      preHandler: app.requires(),
      config: { access: 'agent' },
      schema: { querystring: LocalDaysQuery, response: { 200: LocalDays } },
    },
    async ({ query: { timeZone, from, days } }) => {
      const now = services.clock.now()
      return localDays(timeZone, now, from ?? now, days)
    },
  )
  app.get(
    '/availability/time-zones',
    {
      preHandler: app.requires(),
      config: { access: 'agent' },
      schema: { response: { 200: TimeZoneList } },
    },
    async () => listTimeZones(services.clock.now()),
  )

  // Pure: it says nothing about anybody, and only costs some arithmetic.
  app.post(
    '/availability/preview',
    {
      preHandler: app.requires(),
      config: { access: 'agent' },
      schema: { body: AvailabilityPreviewRequest, response: { 200: AvailabilityPreviewResponse } },
    },
    async ({ body }) => previewAvailability(body),
  )
}

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
import { ForbiddenError } from '../../errors.ts'
import { previewAvailability } from './preview.ts'
import { describeAvailability, setAvailability, setLiveChatSchedule } from './service.ts'

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

  app.put(
    '/agents/:id/live-chat-schedule',
    {
      preHandler: app.requires('availability.manage'),
      config: { access: 'availability.manage' },
      schema: { params: AgentParams, body: Schedule, response: { 200: Schedule } },
    },
    ({ params, body, agent }) => {
      const id = params.id === 'me' ? agent.id : params.id
      if (id !== agent.id && !agent.permissions.has('agents.manage'))
        throw new ForbiddenError('agents.manage')
      return setLiveChatSchedule(services, id, body, agent.id)
    },
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

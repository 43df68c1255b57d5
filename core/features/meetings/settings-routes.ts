import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Schedule } from '../../contracts/availability.ts'
import { Id } from '../../contracts/common.ts'
import { MeetingSettings } from '../../contracts/meetings.ts'
import { SlotsPreviewRequest, SlotsPreviewResponse } from '../../contracts/slots.ts'
import { ForbiddenError, NotFoundError } from '../../errors.ts'
import { ifMatch } from '../content-version.ts'
import type { SignedIn } from '../sign-in/sessions.ts'
import { previewSlots } from './preview.ts'
import { meetingSettingsOf, saveMeetingSettings, scheduleOf } from './settings.ts'

/** `me` stands for the id of whoever asks. */
const AgentParams = z.object({ id: z.union([z.literal('me'), Id]) })

/** How agents can be met. Everybody sets their own; those of others, whoever manages agents. */
export async function meetingSettingsRoutes(app: Api): Promise<void> {
  const { services } = app
  const access = {
    preHandler: app.requires('meetings.manage'),
    config: { access: 'meetings.manage' },
  } as const

  app.get(
    '/agents/:id/meeting-settings',
    { ...access, schema: { params: AgentParams, response: { 200: MeetingSettings } } },
    async ({ params, agent }, reply) => {
      const id = params.id === 'me' ? agent.id : params.id
      if (id !== agent.id && !agent.permissions.has('agents.manage')) throw new NotFoundError('agent')
      const { version, ...settings } = await meetingSettingsOf(services.db, id)
      reply.header('etag', `"${version}"`)
      return settings
    },
  )

  app.put(
    '/agents/:id/meeting-settings',
    { ...access, schema: { params: AgentParams, body: MeetingSettings, response: { 200: MeetingSettings } } },
    async ({ params, body, agent, headers }, reply) => {
      const id = ownOrManaged(agent, params.id)
      const before = ifMatch(headers['if-match'])
      const { version, ...settings } = await saveMeetingSettings(services, id, body, agent.id, before)
      reply.header('etag', `"${version}"`)
      return settings
    },
  )

  app.put(
    '/agents/:id/meeting-schedule',
    { ...access, schema: { params: AgentParams, body: Schedule, response: { 200: Schedule } } },
    async ({ params, body, agent }) =>
      scheduleOf(await saveMeetingSettings(services, ownOrManaged(agent, params.id), body, agent.id)),
  )

  // Pure: it says nothing about anybody, and only costs some arithmetic.
  app.post(
    '/slots/preview',
    {
      preHandler: app.requires(),
      config: { access: 'agent' },
      schema: { body: SlotsPreviewRequest, response: { 200: SlotsPreviewResponse } },
    },
    async ({ body }) => previewSlots(body),
  )
}

/** @throws {ForbiddenError} */
function ownOrManaged(agent: SignedIn, id: string): string {
  if (id === 'me' || id === agent.id) return agent.id
  if (!agent.permissions.has('agents.manage')) throw new ForbiddenError('agents.manage')
  return id
}

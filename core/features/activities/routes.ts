import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import { ActivityPage, ListActivities } from '../../contracts/visitors.ts'
import { noteWatching } from '../conversations/watching.ts'
import { listActivities } from './service.ts'

export async function activityRoutes(app: Api): Promise<void> {
  app.get(
    '/visitors/:id/activities',
    {
      preHandler: app.requires('visitors.view'),
      config: { access: 'visitors.view' },
      schema: { params: z.object({ id: Id }), querystring: ListActivities, response: { 200: ActivityPage } },
    },
    async ({ params, query, agent }) => {
      const page = await listActivities(app.services, agent, params.id, query)
      const chats = page.activities.flatMap(({ conversationId }) => conversationId ?? [])
      await noteWatching(app.services, agent, chats)
      return page
    },
  )
}

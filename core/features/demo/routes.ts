import { z } from 'zod'
import type { Api } from '../../app.ts'
import { sendTestChat } from './test-chat.ts'

/** Works with one's own data too: how else would an agent try out the inbox? */
export async function demoRoutes(app: Api): Promise<void> {
  app.post(
    '/demo/test-chat',
    {
      preHandler: app.requires('conversations.reply'),
      config: { access: 'conversations.reply', rateLimit: { max: 20, timeWindow: 60_000 } },
      schema: { response: { 204: z.null() } },
    },
    async ({ agent }, reply) => {
      await sendTestChat(app.services, agent.id)
      return reply.status(204).send(null)
    },
  )
}

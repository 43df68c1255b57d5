import { z } from 'zod'
import type { Api } from '../../app.ts'
import { CannedReply, CannedReplyList, SaveCannedReply } from '../../contracts/canned-replies.ts'
import { Id } from '../../contracts/common.ts'
import { ifMatch } from '../content-version.ts'
import { listFor } from './repository.ts'
import { addCannedReply, changeCannedReply, removeCannedReply } from './service.ts'

const params = z.object({ id: Id })
const config = { access: 'conversations.reply' } as const

/** One's own for whoever answers chats; everybody's ask for `canned_replies.share` besides. */
export async function cannedReplyRoutes(app: Api): Promise<void> {
  const { services } = app
  const preHandler = app.requires('conversations.reply')

  app.get(
    '/canned-replies',
    { preHandler, config, schema: { response: { 200: CannedReplyList } } },
    async ({ agent }) => ({ replies: await listFor(services.db, agent.id) }),
  )

  app.post(
    '/canned-replies',
    { preHandler, config, schema: { body: SaveCannedReply, response: { 201: CannedReply } } },
    async ({ agent, body }, reply) => reply.status(201).send(await addCannedReply(services, agent, body)),
  )

  app.put(
    '/canned-replies/:id',
    { preHandler, config, schema: { params, body: SaveCannedReply, response: { 200: CannedReply } } },
    ({ agent, params, body, headers }) =>
      changeCannedReply(services, agent, params.id, body, ifMatch(headers['if-match'])),
  )

  app.delete(
    '/canned-replies/:id',
    { preHandler, config, schema: { params, response: { 204: z.null() } } },
    async ({ agent, params }, reply) => {
      await removeCannedReply(services, agent, params.id)
      return reply.status(204).send(null)
    },
  )
}

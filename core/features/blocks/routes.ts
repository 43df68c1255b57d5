import { z } from 'zod'
import type { Api } from '../../app.ts'
import { BlockedVisitor, BlockPage, BlockVisitor, ListBlocks } from '../../contracts/blocks.ts'
import { Id } from '../../contracts/common.ts'
import { blockVisitor, liftBlock, listBlocks } from './service.ts'

const params = z.object({ id: Id })
const config = { access: 'visitors.block' } as const

export async function blockRoutes(app: Api): Promise<void> {
  const { services } = app
  const preHandler = app.requires('visitors.block')

  app.post(
    '/conversations/:id/block',
    { preHandler, config, schema: { params, body: BlockVisitor, response: { 200: BlockedVisitor } } },
    ({ agent, params, body }) => blockVisitor(services, agent, params.id, body),
  )

  app.get(
    '/blocks',
    { preHandler, config, schema: { querystring: ListBlocks, response: { 200: BlockPage } } },
    ({ query }) => listBlocks(services.db, query.cursor),
  )

  app.delete(
    '/blocks/:id',
    { preHandler, config, schema: { params, response: { 204: z.null() } } },
    async ({ agent, params }, reply) => {
      await liftBlock(services, agent.id, params.id)
      return reply.status(204).send(null)
    },
  )
}

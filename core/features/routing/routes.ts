import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import { Conversation, HandOver, OfferList } from '../../contracts/conversations.ts'
import { OfferOutcome } from '../../contracts/push.ts'
import { Routing } from '../../contracts/routing.ts'
import { visibleSummary } from '../conversations/repository.ts'
import { handOver, takeBack } from './handover.ts'
import { accept, decline } from './offers.ts'
import { offerOutcome } from './outcome.ts'
import { pendingOffersOfAgent } from './repository.ts'
import { readRouting } from './trace.ts'

const params = z.object({ id: Id })
const config = { access: 'conversations.reply' } as const

export async function offerRoutes(app: Api): Promise<void> {
  const { services } = app
  const preHandler = app.requires('conversations.reply')

  app.get('/offers', { config, preHandler, schema: { response: { 200: OfferList } } }, async ({ agent }) => ({
    offers: await pendingOffersOfAgent(services.db, services.clock.now(), agent.id),
  }))

  app.post(
    '/conversations/:id/handover',
    { config, preHandler, schema: { params, body: HandOver, response: { 200: Conversation } } },
    ({ params, body: { agentId, teamId, note }, agent }) =>
      handOver(services, agent.id, params.id, {
        to: teamId === undefined ? { agentId: agentId ?? '' } : { teamId },
        note: note || null,
      }),
  )

  app.delete(
    '/conversations/:id/handover',
    { config, preHandler, schema: { params, response: { 200: Conversation } } },
    ({ params, agent }) => takeBack(services, agent.id, params.id),
  )

  app.get(
    '/offers/:id',
    { config, preHandler, schema: { params, response: { 200: OfferOutcome } } },
    ({ params, agent }) => offerOutcome(services.db, services.clock.now(), agent.id, params.id),
  )

  app.post(
    '/offers/:id/accept',
    { config, preHandler, schema: { params, response: { 200: Conversation } } },
    ({ params, agent }) => accept(services, agent, params.id),
  )

  app.post(
    '/offers/:id/decline',
    { config, preHandler, schema: { params, response: { 204: z.null() } } },
    async ({ params, agent }, reply) => {
      await decline(services, agent.id, params.id)
      return reply.status(204).send(null)
    },
  )

  app.get(
    '/conversations/:id/routing',
    {
      config: { access: 'conversations.view' },
      preHandler: app.requires('conversations.view'),
      schema: { params, response: { 200: Routing } },
    },
    async ({ params, agent }) => {
      await visibleSummary(services.db, services.clock.now(), agent, params.id)
      return readRouting(services.db, params.id)
    },
  )
}

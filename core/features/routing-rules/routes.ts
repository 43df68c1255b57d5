import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import {
  CreateRule,
  OrderRules,
  PreviewRule,
  ReplayRule,
  RoutingRule,
  RuleList,
  RulePreview,
  RuleReplay,
  SaveRule,
} from '../../contracts/routing-rules.ts'
import { ifMatch } from '../content-version.ts'
import { refresh } from './book.ts'
import { previewRule } from './preview.ts'
import { replayRule } from './replay.ts'
import { createRule, deleteRule, listRules, orderRules, saveRule } from './service.ts'

const RuleParams = z.object({ id: Id })

export async function routingRuleRoutes(app: Api): Promise<void> {
  const { services } = app
  const view = { preHandler: app.requires('rules.view'), config: { access: 'rules.view' } } as const
  const manage = { preHandler: app.requires('rules.manage'), config: { access: 'rules.manage' } } as const
  /** A preview shows what is known of visitors. */
  const look = {
    preHandler: app.requires('rules.manage', 'conversations.view', 'visitors.view'),
    config: { access: 'rules.manage' },
  } as const

  // compiled before the next request needs them; whoever misses this sees the version
  const unsubscribe = services.bus.subscribe('control', (text) => {
    if (JSON.parse(text).type === 'routing_rules_changed')
      refresh(services.db).catch((error: unknown) =>
        services.log.warn({ err: error }, 'The routing rules are read again with the next request'),
      )
  })
  app.addHook('onClose', async () => unsubscribe())

  app.get('/routing-rules', { ...view, schema: { response: { 200: RuleList } } }, () => listRules(services))

  app.post(
    '/routing-rules',
    { ...manage, schema: { body: CreateRule, response: { 201: RoutingRule } } },
    async ({ body, agent }, reply) => reply.status(201).send(await createRule(services, agent.id, body)),
  )

  app.put(
    '/routing-rules/:id',
    { ...manage, schema: { params: RuleParams, body: SaveRule, response: { 200: RoutingRule } } },
    ({ params, body, agent, headers }) =>
      saveRule(services, agent.id, params.id, body, ifMatch(headers['if-match'])),
  )

  app.delete(
    '/routing-rules/:id',
    { ...manage, schema: { params: RuleParams, response: { 204: z.null() } } },
    async ({ params, agent }, reply) => {
      await deleteRule(services, agent.id, params.id)
      return reply.status(204).send(null)
    },
  )

  app.put(
    '/routing-rules/order',
    {
      ...manage,
      schema: { body: OrderRules, response: { 200: z.object({ rules: z.array(RoutingRule) }) } },
    },
    async ({ body, agent }) => ({ rules: await orderRules(services, agent.id, body.ids) }),
  )

  app.post(
    '/routing-rules/preview',
    { ...look, schema: { body: PreviewRule, response: { 200: RulePreview } } },
    ({ body, agent }) => previewRule(services, agent, body),
  )

  app.post(
    '/routing-rules/replay',
    { ...look, schema: { body: ReplayRule, response: { 200: RuleReplay } } },
    ({ body, agent }) => replayRule(services, agent, body.rule),
  )
}

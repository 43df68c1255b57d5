import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Agent, AgentList, ChangeAgent, CreateAgent } from '../../contracts/agents.ts'
import { Id } from '../../contracts/common.ts'
import { changeAgent, createAgent, listAgents } from './service.ts'

export async function agentRoutes(app: Api): Promise<void> {
  const { services } = app

  app.get(
    '/agents',
    {
      preHandler: app.requires('agents.view'),
      config: { access: 'agents.view' },
      schema: { response: { 200: AgentList } },
    },
    async () => ({ agents: await listAgents(services) }),
  )

  app.post(
    '/agents',
    {
      preHandler: app.requires('agents.manage'),
      config: { access: 'agents.manage' },
      schema: { body: CreateAgent, response: { 201: Agent } },
    },
    async ({ body, agent }, reply) => reply.status(201).send(await createAgent(services, agent.id, body)),
  )

  app.patch(
    '/agents/:id',
    {
      preHandler: app.requires('agents.manage'),
      config: { access: 'agents.manage' },
      schema: { params: z.object({ id: Id }), body: ChangeAgent, response: { 200: Agent } },
    },
    ({ params, body, agent }) => changeAgent(services, agent.id, params.id, body),
  )
}

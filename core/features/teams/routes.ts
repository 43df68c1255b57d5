import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import { SaveTeam, Team, TeamList } from '../../contracts/teams.ts'
import { ifMatch } from '../content-version.ts'
import { createTeam, deleteTeam, listTeams, saveTeam } from './service.ts'

const params = z.object({ id: Id })
const manage = { access: 'teams.manage' } as const

export async function teamRoutes(app: Api): Promise<void> {
  const { services } = app
  const mayManage = app.requires('teams.manage')

  app.get(
    '/teams',
    {
      preHandler: app.requires('teams.view'),
      config: { access: 'teams.view' },
      schema: { response: { 200: TeamList } },
    },
    async () => ({ teams: await listTeams(services) }),
  )

  app.post(
    '/teams',
    { preHandler: mayManage, config: manage, schema: { body: SaveTeam, response: { 201: Team } } },
    async ({ body, agent }, reply) => reply.status(201).send(await createTeam(services, agent.id, body)),
  )

  app.put(
    '/teams/:id',
    { preHandler: mayManage, config: manage, schema: { params, body: SaveTeam, response: { 200: Team } } },
    ({ params, body, agent, headers }) =>
      saveTeam(services, agent.id, params.id, body, ifMatch(headers['if-match'])),
  )

  app.delete(
    '/teams/:id',
    { preHandler: mayManage, config: manage, schema: { params, response: { 204: z.null() } } },
    async ({ params, agent }, reply) => {
      await deleteTeam(services, agent.id, params.id)
      return reply.status(204).send(null)
    },
  )
}

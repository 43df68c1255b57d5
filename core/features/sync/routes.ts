import type { Api } from '../../app.ts'
import { ConnectionParams } from '../../contracts/connections.ts'
import { ConnectionSync, CrmWrite, CrmWriteList, ListWrites } from '../../contracts/sync.ts'
import { connectionAccess } from '../connections/access.ts'
import { listWrites, tryAgain, writesOf } from '../write-back/log.ts'
import { readSync, startImport } from './progress.ts'

const params = ConnectionParams

export async function syncRoutes(app: Api): Promise<void> {
  const { services } = app
  const { read, manage } = connectionAccess(app)

  app.get(
    '/connections/:id/sync',
    { ...read, schema: { params, response: { 200: ConnectionSync } } },
    ({ params }) => readSync(services, params.id),
  )

  app.post(
    '/connections/:id/import',
    { ...manage, schema: { params, response: { 200: ConnectionSync } } },
    ({ params, agent }) => startImport(services, agent.id, params.id),
  )

  app.get(
    '/connections/:id/writes',
    { ...read, schema: { params, querystring: ListWrites, response: { 200: CrmWriteList } } },
    async ({ params, query, agent }) => ({ writes: await listWrites(services, agent, params.id, query) }),
  )

  app.post(
    '/crm-writes/:id/retry',
    { ...manage, schema: { params, response: { 200: CrmWrite } } },
    ({ params, agent }) => tryAgain(services, agent, params.id),
  )

  app.get(
    '/visitors/:id/crm-writes',
    {
      preHandler: app.requires('visitors.view'),
      config: { access: 'visitors.view' },
      schema: { params, response: { 200: CrmWriteList } },
    },
    async ({ params, agent }) => ({ writes: await writesOf(services, agent, params.id) }),
  )
}

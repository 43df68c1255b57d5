import { z } from 'zod'
import type { Api } from '../../app.ts'
import {
  AuthorizeAnswer,
  ChangeConnection,
  Connection,
  ConnectionAttention,
  ConnectionDescription,
  ConnectionList,
  ConnectionParams,
  ConnectionTest,
  ConnectionUsers,
  ConnectorList,
  CreateConnection,
  Disconnect,
  OAuthCallback,
  WritePreview,
} from '../../contracts/connections.ts'
import { findSession, sessionCookie } from '../sign-in/sessions.ts'
import { connectionAccess } from './access.ts'
import { finishAuthorizing, startAuthorizing } from './oauth.ts'
import { previewWrites } from './preview.ts'
import { describeConnection, readDescription, testConnection } from './probe.ts'
import {
  changeConnection,
  createConnection,
  disconnect,
  pauseConnection,
  resumeConnection,
} from './service.ts'
import { listUsers } from './users.ts'
import { listConnections, listConnectors, readAttention, viewConnection } from './view.ts'

const params = ConnectionParams

export async function connectionRoutes(app: Api): Promise<void> {
  const { services } = app
  const { read, manage } = connectionAccess(app)

  app.get('/connectors', { ...read, schema: { response: { 200: ConnectorList } } }, async () => ({
    connectors: listConnectors(services),
  }))

  app.get('/connections', { ...read, schema: { response: { 200: ConnectionList } } }, async () => ({
    connections: await listConnections(services),
  }))

  app.get(
    '/connections/attention',
    { ...read, schema: { response: { 200: ConnectionAttention } } },
    async () => readAttention(services),
  )

  app.get('/connections/:id', { ...read, schema: { params, response: { 200: Connection } } }, ({ params }) =>
    viewConnection(services, params.id),
  )

  app.post(
    '/connections',
    { ...manage, schema: { body: CreateConnection, response: { 201: Connection } } },
    async ({ body, agent }, reply) =>
      reply.status(201).send(await createConnection(services, agent.id, body)),
  )

  app.patch(
    '/connections/:id',
    { ...manage, schema: { params, body: ChangeConnection, response: { 200: Connection } } },
    ({ params, body, agent }) => changeConnection(services, agent.id, params.id, body),
  )

  app.post(
    '/connections/:id/authorize',
    { ...manage, schema: { params, response: { 200: AuthorizeAnswer } } },
    async ({ params, agent }) => ({ url: await startAuthorizing(services, agent, params.id) }),
  )

  app.get(
    '/connections/oauth/callback',
    // the vendor sends the browser here; whose it is, its session and the state say
    {
      config: { access: 'public', rateLimit: { max: 120, timeWindow: 60_000 } },
      schema: { querystring: OAuthCallback },
    },
    async ({ query, cookies }, reply) => {
      const token = cookies[sessionCookie]
      const agent = token ? await findSession(services.db, services.clock.now(), token) : null
      const { connectionId, result, isOwn } = await finishAuthorizing(services, agent, query)
      const back = new URLSearchParams({ ...(connectionId ? { connection: connectionId } : {}), result })
      // nothing of the vendor's address is told to what the page loads
      return reply
        .header('referrer-policy', 'no-referrer')
        .redirect(`/inbox/settings/${isOwn ? 'my-calendar' : 'connectors'}?${back}`)
    },
  )

  app.post(
    '/connections/:id/test',
    { ...manage, schema: { params, response: { 200: ConnectionTest } } },
    ({ params }) => testConnection(services, params.id),
  )

  app.post(
    '/connections/:id/pause',
    { ...manage, schema: { params, response: { 200: Connection } } },
    ({ params, agent }) => pauseConnection(services, agent.id, params.id),
  )

  app.post(
    '/connections/:id/resume',
    { ...manage, schema: { params, response: { 200: Connection } } },
    ({ params, agent }) => resumeConnection(services, agent.id, params.id),
  )

  app.post(
    '/connections/:id/disconnect',
    {
      ...manage,
      schema: {
        params,
        body: Disconnect,
        // false: the provider was not reached, and still counts Foyer in
        response: { 200: z.object({ connection: Connection, revoked: z.boolean() }) },
      },
    },
    ({ params, body, agent }) => disconnect(services, agent.id, params.id, body),
  )

  app.get(
    '/connections/:id/description',
    { ...read, schema: { params, response: { 200: ConnectionDescription } } },
    ({ params }) => readDescription(services, params.id),
  )

  app.post(
    '/connections/:id/description',
    { ...manage, schema: { params, response: { 200: ConnectionDescription } } },
    ({ params }) => describeConnection(services, params.id),
  )

  app.get(
    '/connections/:id/users',
    { ...read, schema: { params, response: { 200: ConnectionUsers } } },
    async ({ params }) => ({ users: await listUsers(services, params.id) }),
  )

  app.post(
    '/connections/:id/preview',
    { ...manage, schema: { params, response: { 200: WritePreview } } },
    ({ params, agent }) => previewWrites(services, agent.id, params.id),
  )
}

import type { Api } from '../../app.ts'
import { Me, SetUp, SetUpState } from '../../contracts/agents.ts'
import { refuseForeignPages } from '../../plugins/sign-in.ts'
import { describeMe } from '../sign-in/me.ts'
import { isSecure, setSessionCookie } from '../sign-in/routes.ts'
import { isSetUpNeeded, setUp } from './service.ts'

export async function setUpRoutes(app: Api): Promise<void> {
  const { services } = app

  app.get(
    '/setup',
    { config: { access: 'public' }, schema: { response: { 200: SetUpState } } },
    async () => ({ needed: await isSetUpNeeded(services.db) }),
  )

  app.post(
    '/setup',
    {
      config: { access: 'public', rateLimit: { max: 20, timeWindow: 60_000 } },
      schema: { body: SetUp, response: { 200: Me } },
    },
    async (request, reply) => {
      refuseForeignPages(request, services.config)
      const from = { address: request.ip, userAgent: request.headers['user-agent'] }
      const { agentId, token, expiresAt } = await setUp(services, request.body, from)
      setSessionCookie(reply, token, expiresAt, isSecure(request, services.config))
      return describeMe(services, agentId, token)
    },
  )
}

import type { FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import plugin from 'fastify-plugin'
import type { Config } from '../config.ts'
import type { Permission } from '../contracts/agents.ts'
import { ForbiddenError, FoyerError, NotSignedInError } from '../errors.ts'
import { findSession, type SignedIn, sessionCookie } from '../features/sign-in/sessions.ts'
import { sameToken } from '../features/sign-in/tokens.ts'
import { isOwnOrigin } from './origins.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is signed in, on routes whose `access` asks for it; reading it elsewhere throws. */
    agent: SignedIn
  }
  interface FastifyInstance {
    /** A preHandler that lets in agents with every one of these permissions; none means any signed-in agent. The
     *  route's `access` has been checked by then, before its body was read. */
    requires(...permissions: Permission[]): preHandlerAsyncHookHandler
  }
  interface FastifyContextConfig {
    /** Who may call the route: decided on arrival, before anything of the request is read. */
    access?: 'public' | 'visitor' | 'agent' | Permission
    /** Whether a call from this very machine, past no proxy, needs no sign-in, and one with FOYER_METRICS_TOKEN neither. */
    openLocally?: boolean
  }
}

const signedIn = new WeakMap<FastifyRequest, SignedIn>()

export const signIn = plugin(
  async (app) => {
    app.decorateRequest('agent', {
      getter() {
        const agent = signedIn.get(this)
        if (!agent) throw new NotSignedInError()
        return agent
      },
    })

    const { services } = app
    const admit = async (request: FastifyRequest, permissions: readonly Permission[]) => {
      refuseForeignPages(request, services.config)
      const token = request.cookies[sessionCookie]
      const known = signedIn.get(request)
      const agent = known ?? (token ? await findSession(services.db, services.clock.now(), token) : null)
      if (!agent) throw new NotSignedInError()
      for (const permission of permissions)
        if (!agent.permissions.has(permission)) throw new ForbiddenError(permission)
      signedIn.set(request, agent)
    }

    app.addHook('onRequest', async (request) => {
      if (request.is404) return
      const { access, openLocally } = request.routeOptions.config
      if (access === 'public' || access === 'visitor' || access === undefined) refuseOtherSites(request)
      else if (!(openLocally && isCollector(request, services.config)))
        await admit(request, access === 'agent' ? [] : [access])
    })
    /** Visitors come from the widget's origin, which may differ from the inbox's. */
    const refuseOtherSites = (request: FastifyRequest) =>
      refuseForeignPages(request, services.config, services.config.widgetUrl)

    app.decorate('requires', (...permissions: Permission[]): preHandlerAsyncHookHandler => {
      return (request) => admit(request, permissions)
    })
  },
  { name: 'sign-in', dependencies: ['@fastify/cookie'] },
)

/** Who collects the numbers: with the token, or from this very machine where nothing hints at a proxy. What a proxy
 *  passes on comes from elsewhere whatever its last address is, and not every proxy says that it is one. */
function isCollector(request: FastifyRequest, config: Config): boolean {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ')
  if (config.metricsToken && token && scheme?.toLowerCase() === 'bearer')
    return sameToken(token, config.metricsToken)
  return (
    config.trustedProxies === 0 &&
    (config.publicUrl === null || isThisMachine(new URL(config.publicUrl).hostname)) &&
    isThisMachine(URL.parse(`http://${request.headers.host}`)?.hostname ?? '') &&
    isThisMachine(request.socket.remoteAddress ?? '') &&
    forwarding.every((name) => request.headers[name] === undefined)
  )
}

const isThisMachine = (host: string) => /^(localhost|127\.[\d.]+|\[?::1\]?|::ffff:127\.[\d.]+)$/i.test(host)

const forwarding = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-server',
  'x-real-ip',
  'x-client-ip',
  'cf-connecting-ip',
  'true-client-ip',
]

/** A request that changes something must not come from another site's page, whatever cookie the browser added.
 *  @param widgetUrl counts as Foyer's own as well.
 *  @throws {FoyerError} 403 `foreign_origin` */
export function refuseForeignPages(
  request: FastifyRequest,
  config: { publicUrl: string | null },
  widgetUrl: string | null = null,
): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  const { origin, host } = request.headers
  const called = { host, overTls: request.protocol === 'https' }
  if (origin !== undefined && !isOwnOrigin(origin, called, config.publicUrl, widgetUrl))
    throw new FoyerError(403, 'foreign_origin', 'This request comes from another site’s page.')
}

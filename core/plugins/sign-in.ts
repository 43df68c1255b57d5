import type { FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import plugin from 'fastify-plugin'
import type { Permission } from '../contracts/agents.ts'
import { ForbiddenError, FoyerError, NotSignedInError } from '../errors.ts'
import { findSession, type SignedIn, sessionCookie } from '../features/sign-in/sessions.ts'
import { isOwnOrigin } from './origins.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by `app.requires`; reading it elsewhere throws. */
    agent: SignedIn
  }
  interface FastifyInstance {
    /** A preHandler that lets in agents with every one of these permissions; none means any signed-in agent. */
    requires(...permissions: Permission[]): preHandlerAsyncHookHandler
  }
  interface FastifyContextConfig {
    /** Who may call the route; the security matrix reads it. */
    access?: 'public' | 'visitor' | 'agent' | Permission
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

    app.decorate('requires', (...permissions: Permission[]): preHandlerAsyncHookHandler => {
      return async (request) => {
        refuseForeignPages(request, app.services.config)
        const token = request.cookies[sessionCookie]
        const agent = token ? await findSession(app.services.db, app.services.clock.now(), token) : null
        if (!agent) throw new NotSignedInError()
        for (const permission of permissions)
          if (!agent.permissions.has(permission)) throw new ForbiddenError(permission)
        signedIn.set(request, agent)
      }
    })
  },
  { name: 'sign-in', dependencies: ['@fastify/cookie'] },
)

/** A request that changes something must not come from another site's page, whatever cookie the browser added.
 *  @throws {FoyerError} 403 `foreign_origin` */
export function refuseForeignPages(
  request: FastifyRequest,
  config: { publicUrl: string | null; widgetUrl: string | null },
): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  const { origin } = request.headers
  if (origin !== undefined && !isOwnOrigin(origin, request.headers.host, config.publicUrl))
    throw new FoyerError(403, 'foreign_origin', 'This request comes from another site’s page.')
}

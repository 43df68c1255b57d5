import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { Permission } from '#core/contracts/agents.ts'
import { type FoyerOptions, startFoyer, type TestFoyer } from '#tests/support/foyer.ts'

export type Access = 'public' | 'visitor' | 'agent' | Permission

export interface ListedRoute {
  method: string
  /** As registered: `/api/v1/conversations/:id`. */
  url: string
  access: Access | undefined
}

/** Starts a Foyer and writes down every route while it is registered, whoever registers it. `calls` are those without
 *  HEAD, which comes with each GET by itself. */
export async function startListed(
  options?: FoyerOptions,
): Promise<{ foyer: TestFoyer; routes: ListedRoute[]; calls: ListedRoute[] }> {
  const routes: ListedRoute[] = []
  const listen = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', (route) => {
      // read later: a plugin's own hook may add it
      for (const method of [route.method].flat())
        routes.push({
          method,
          url: route.url,
          get access() {
            return route.config?.access
          },
        })
    })
  }
  subscribe('fastify.initialization', listen)
  const foyer = await startFoyer(options).finally(() => unsubscribe('fastify.initialization', listen))
  return { foyer, routes, calls: routes.filter(({ method }) => method !== 'HEAD') }
}

export const isPermission = (access: unknown): access is Permission => Permission.safeParse(access).success

/** An address that fits the route and names nothing that exists. */
export const addressOf = ({ url }: ListedRoute) =>
  url
    .replaceAll(':id', '0190f5a0-0000-7000-8000-000000000000')
    .replaceAll(':key', 'no-such-site')
    .replaceAll(':token', 'no-such-token')
    .replace('*', 'nothing-here.js')

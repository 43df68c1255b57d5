import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import cookie from '@fastify/cookie'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import type { Config } from './config.ts'
import { demoSiteRoutes } from './features/demo/site-routes.ts'
import { routes } from './features/routes.ts'
import { loggerOptions } from './log.ts'
import { type Overrides, openServices } from './open-services.ts'
import { apiDocs } from './plugins/api-docs.ts'
import { errors, refuseUnroutable } from './plugins/errors.ts'
import { frontEnds } from './plugins/front-ends.ts'
import { headers } from './plugins/headers.ts'
import { health } from './plugins/health.ts'
import { sharedCounters } from './plugins/shared-counters.ts'
import { signIn } from './plugins/sign-in.ts'
import { sockets } from './realtime/sockets.ts'
import type { Services } from './services.ts'

export type Api = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

declare module 'fastify' {
  interface FastifyInstance {
    services: Services
  }
}

/** Everything a web process is, not yet listening. Closing it ends what it opened, and only that. */
export async function buildApp(
  config: Config & { databaseUrl: string },
  overrides: Overrides = {},
): Promise<Api> {
  const app: Api = Fastify({
    // standard output is for the one line that says where Foyer listens
    logger:
      config.logLevel === 'silent'
        ? false
        : { ...loggerOptions(config), stream: pino.destination(process.stderr.fd) },
    // a line a request says nothing that metrics do not; failures are logged where they happen
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: (_address: string, hop: number) => hop < config.trustedProxies,
    genReqId: () => randomUUID(),
    bodyLimit: 256 * 1024,
    // for all of a request to arrive, the largest file over a slow line too; Fastify's own default is to wait for ever
    requestTimeout: 300_000,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: refuseUnroutable,
    forceCloseConnections: true,
  }).withTypeProvider<ZodTypeProvider>()
  // only JSON is read, and the one route for CSV; a form of another site could send text
  app.removeContentTypeParser('text/plain')
  app.setValidatorCompiler(validatorCompiler)
  // Answers are typed against their schemas when compiled; they are not taken apart again when sent.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))

  const { services, close } = await openServices(config, app.log, overrides)
  app.decorate('services', services)
  app.addHook('onClose', close)

  await app.register(cookie)
  await app.register(rateLimit, { global: false, ...whereToCount(app, config.redisUrl) })
  await app.register(errors)
  await app.register(headers)
  await app.register(signIn)
  await app.register(health)
  await app.register(apiDocs)
  await app.register(sockets)
  await app.register(routes, { prefix: '/api/v1' })
  await app.register(frontEnds)
  await app.register(demoSiteRoutes)
  return app
}

/** Sign-in attempts and the like are counted across processes. */
function whereToCount(app: Api, redisUrl: string | null) {
  if (!redisUrl) return {}
  const redis = new Redis(redisUrl, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    // nobody waits for a Redis that does not answer, and a line that has gone silent is given up
    commandTimeout: 1_000,
    socketTimeout: 2_000,
  })
  redis.on('error', () => undefined)
  app.addHook('onClose', async () => redis.disconnect())
  return { store: sharedCounters(redis) }
}

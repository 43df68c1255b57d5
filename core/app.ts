import { randomUUID } from 'node:crypto'
import cookie from '@fastify/cookie'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type RawServerDefault } from 'fastify'
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { Redis } from 'ioredis'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Pool } from 'pg'
import { type Clock, DatabaseClock } from './clock.ts'
import type { Config } from './config.ts'
import { createDb, createPool } from './db/pool.ts'
import { MessageLog } from './features/conversations/message-log.ts'
import { OrganisationSettings, readOrganisation } from './features/organisation/settings.ts'
import { routes } from './features/routes.ts'
import { apiDocs } from './plugins/api-docs.ts'
import { errors } from './plugins/errors.ts'
import { frontEnds } from './plugins/front-ends.ts'
import { headers } from './plugins/headers.ts'
import { health } from './plugins/health.ts'
import { signIn } from './plugins/sign-in.ts'
import { type Bus, MemoryBus } from './realtime/bus.ts'
import { RedisBus } from './realtime/redis-bus.ts'
import { sockets } from './realtime/sockets.ts'
import type { Services } from './services.ts'

export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>

declare module 'fastify' {
  interface FastifyInstance {
    services: Services
  }
}

export interface Overrides {
  /** The database to use, migrated; the caller ends its pool. */
  pool?: Pool
  clock?: Clock
  bus?: Bus
  /** Called when a row was put into the outbox. */
  wakeJobs?: () => void
}

/** Everything a web process is, not yet listening. Closing it ends what it opened, and only that. */
export async function buildApp(config: Config & { databaseUrl: string }, overrides: Overrides = {}): Promise<Api> {
  const app = Fastify({
    logger: config.logLevel === 'silent' ? false : { level: config.logLevel },
    disableRequestLogging: true,
    trustProxy: config.trustedProxies || false,
    genReqId: () => randomUUID(),
    bodyLimit: 256 * 1024,
    routerOptions: { maxParamLength: 200 },
    forceCloseConnections: true,
  }).withTypeProvider<ZodTypeProvider>() as Api
  app.setValidatorCompiler(validatorCompiler)
  // Answers are typed against their schemas when compiled; they are not taken apart again when sent.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))

  const pool = overrides.pool ?? createPool(config.databaseUrl, 16, 'foyer web')
  const messagePool = createPool(config.databaseUrl, 2, 'foyer messages')
  const clock = overrides.clock ?? new DatabaseClock(pool, config.testClock ?? undefined)
  if (clock instanceof DatabaseClock) await clock.start()
  const bus = overrides.bus ?? (config.redisUrl ? new RedisBus(config.redisUrl, app.log) : new MemoryBus())
  const db = createDb(pool)
  const settings = (await readOrganisation(db))?.settings ?? OrganisationSettings.parse({})
  const messageLog = new MessageLog({ pool: messagePool, clock, log: app.log, idleMs: settings.idleEndMs })
  app.decorate('services', {
    config,
    db,
    pool,
    clock,
    bus,
    settings,
    messageLog,
    log: app.log,
    wakeJobs: overrides.wakeJobs ?? (() => undefined),
  })
  app.addHook('onClose', async () => {
    await messageLog.close()
    await messagePool.end()
    if (clock instanceof DatabaseClock) clock.stop()
    if (!overrides.bus) await bus.close()
    if (!overrides.pool) await pool.end()
  })

  await app.register(cookie)
  const limiterRedis = config.redisUrl
    ? new Redis(config.redisUrl, { maxRetriesPerRequest: 1, enableOfflineQueue: false })
    : null
  // sign-in attempts and the like are counted across processes; without an answer from Redis they are let through
  limiterRedis?.on('error', () => undefined)
  app.addHook('onClose', async () => limiterRedis?.disconnect())
  await app.register(rateLimit, {
    global: false,
    ...(limiterRedis ? { redis: limiterRedis, skipOnError: true } : {}),
  })
  await app.register(errors)
  await app.register(headers)
  await app.register(signIn)
  await app.register(health)
  await app.register(apiDocs)
  await app.register(routes, { prefix: '/api/v1' })
  await app.register(frontEnds)
  await app.register(sockets)
  return app
}

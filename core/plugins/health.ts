import plugin from 'fastify-plugin'
import { timeZoneDatabaseVersion } from '../features/availability/zone.ts'
import { metricsOf } from './metrics.ts'

/** Whether the process lives, whether it can serve, and its numbers. */
export const health = plugin(
  async (app) => {
    const { services } = app
    const registry = metricsOf(services)

    app.get('/healthz', { config: { access: 'public' } }, async () => ({
      status: 'ok',
      // a clock for tests must not go unseen where customers are
      ...(services.config.testClock ? { testClock: services.clock.now().toISOString() } : {}),
    }))

    app.get('/readyz', { config: { access: 'public' } }, async (_request, reply) => {
      const database = await services.pool.query('select 1').then(
        () => 'ok',
        () => 'does not answer',
      )
      reply.status(database === 'ok' ? 200 : 503)
      return {
        status: database === 'ok' ? 'ready' : 'not ready',
        database,
        timeZones: timeZoneDatabaseVersion,
        now: services.clock.now().toISOString(),
      }
    })

    // Numbers about the business: for the machine's own collector, else for those who may see the jobs.
    app.get('/metrics', { config: { access: 'jobs.manage', openLocally: true } }, async (_request, reply) =>
      reply.type(registry.contentType).send(Buffer.from(await registry.metrics())),
    )
  },
  { name: 'health', dependencies: ['sign-in'] },
)

import plugin from 'fastify-plugin'
import { sql } from 'kysely'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { timeZoneDatabaseVersion } from '../features/availability/zone.ts'

/** Whether the process lives, whether it can serve, and its numbers. */
export const health = plugin(
  async (app) => {
    const { services } = app
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
      new Gauge({
        name,
        help,
        registers: [registry],
        async collect() {
          this.set(await read())
        },
      })
    gauge('foyer_messages_waiting', 'Messages received and not stored yet', () => services.messageLog.backlog)
    gauge(
      'foyer_database_waiting',
      'Requests that wait for a database connection',
      () => services.pool.waitingCount,
    )
    const count = async (table: 'outbox' | 'search_backlog' | 'conversations', where: string) => {
      const { rows } = await sql<{
        n: number
      }>`select count(*) as n from ${sql.table(table)} where ${sql.raw(where)}`.execute(services.db)
      return rows[0]?.n ?? 0
    }
    gauge('foyer_jobs_open', 'Rows of the outbox still to be done', () => count('outbox', `state = 'open'`))
    gauge('foyer_search_backlog', 'Groups of messages not searchable yet', () =>
      count('search_backlog', 'true'),
    )
    gauge('foyer_conversations_waiting', 'Requests being routed', () =>
      count('conversations', `status = 'waiting'`),
    )
    gauge('foyer_conversations_active', 'Chats going on', () => count('conversations', `status = 'active'`))

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

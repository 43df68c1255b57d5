import type { FastifyBaseLogger } from 'fastify'
import type { Pool } from 'pg'
import type { ConnectorList } from '#connectors/sdk/list.ts'
import { type Clock, DatabaseClock } from './clock.ts'
import type { Config } from './config.ts'
import { createDb, createPool } from './db/pool.ts'
import { MessageLog } from './features/conversations/message-log.ts'
import { OrganisationSettings, readOrganisation } from './features/organisation/settings.ts'
import { type Bus, MemoryBus } from './realtime/bus.ts'
import { RedisBus } from './realtime/redis-bus.ts'
import { Told } from './realtime/told.ts'
import type { Services } from './services.ts'

export interface Overrides {
  /** The database to use, migrated; the caller ends its pool. */
  pool?: Pool
  clock?: Clock
  bus?: Bus
  /** None unless told. */
  connectors?: ConnectorList
}

/** What a process works with, web or worker, and the function that lets go of what was opened here. */
export async function openServices(
  config: Config & { databaseUrl: string },
  log: FastifyBaseLogger,
  overrides: Overrides = {},
): Promise<{ services: Services; close(): Promise<void> }> {
  const pool = overrides.pool ?? createPool(config.databaseUrl, 16, `foyer ${config.mode}`)
  // of its own, so that no report or list ever stands before a message
  const messagePool = createPool(config.databaseUrl, 2, 'foyer messages')
  const clock = overrides.clock ?? new DatabaseClock(pool, config.testClock ?? undefined)
  if (clock instanceof DatabaseClock) await clock.start()
  const bus = overrides.bus ?? (config.redisUrl ? new RedisBus(config.redisUrl, log) : new MemoryBus())
  const db = createDb(pool)
  const settings = (await readOrganisation(db))?.settings ?? OrganisationSettings.parse({})
  const messageLog = new MessageLog({ pool: messagePool, clock, log, idleMs: settings.idleEndMs })
  return {
    services: {
      config,
      db,
      pool,
      clock,
      bus,
      settings,
      messageLog,
      connectors: overrides.connectors ?? new Map(),
      told: new Told(30_000),
      log,
      wakeJobs: () => undefined,
    },
    async close() {
      await messageLog.close()
      await messagePool.end()
      if (clock instanceof DatabaseClock) clock.stop()
      if (!overrides.bus) await bus.close()
      if (!overrides.pool) await pool.end()
    },
  }
}

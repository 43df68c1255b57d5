import type { FastifyBaseLogger } from 'fastify'
import type { Pool } from 'pg'
import type { ConnectorList } from '#connectors/sdk/list.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { ToAgent, ToVisitor } from './contracts/sockets.ts'
import type { Db, Tx } from './db/pool.ts'
import type { MessageLog } from './features/conversations/message-log.ts'
import type { OrganisationSettings } from './features/organisation/settings.ts'
import type { Bus, Topic } from './realtime/bus.ts'
import type { Told } from './realtime/told.ts'

/** What every feature works with. Built once a process in app.ts. */
export interface Services {
  config: Config & { databaseUrl: string }
  db: Db
  pool: Pool
  clock: Clock
  bus: Bus
  log: FastifyBaseLogger
  settings: OrganisationSettings
  messageLog: MessageLog
  /** What can be connected: the entry points bring it. */
  connectors: ConnectorList
  /** The newest messages that this process has told those concerned. */
  told: Told
  /** Says that a row was put into the outbox, so that the relay need not wait for its next look. */
  wakeJobs: () => void
}

/** A change in progress: its transaction, and what is to be told when, and only when, it is committed. */
export interface Change {
  tx: Tx
  now: Date
  tellAgent(agentId: string, frame: ToAgent, exceptSocketId?: string | null): void
  tellVisitor(visitorId: string, frame: ToVisitor, exceptSocketId?: string | null): void
  tellAgents(frame: ToAgent): void
  /** Anything else for after the commit. */
  after(run: () => void): void
}

/** Runs `work` in one transaction; frames go out after the commit, in the order they were told. */
export async function change<T>(services: Services, work: (change: Change) => Promise<T>): Promise<T> {
  const told: (() => void)[] = []
  const publish = (topic: Topic, frame: ToAgent | ToVisitor, except: string | null = null) => {
    told.push(() => services.bus.publish(topic, JSON.stringify(frame), except))
  }
  const result = await services.db.transaction().execute((tx) =>
    work({
      tx,
      now: services.clock.now(),
      tellAgent: (id, frame, except) => publish(`agent:${id}`, frame, except),
      tellVisitor: (id, frame, except) => publish(`visitor:${id}`, frame, except),
      tellAgents: (frame) => publish('agents', frame),
      after: (run) => told.push(run),
    }),
  )
  for (const tell of told)
    try {
      tell()
    } catch (error) {
      // it is committed: the answer must say so, and the others be told; a lost frame is repeated
      services.log.error({ error }, 'Not everybody was told of a change')
    }
  return result
}

/** Does each by itself, one after the other: one that fails does not hold up the rest.
 *  @returns what went wrong. */
export async function eachByItself<T>(items: T[], work: (item: T) => Promise<unknown>): Promise<unknown[]> {
  const failures: unknown[] = []
  for (const item of items) await work(item).catch((error: unknown) => failures.push(error))
  return failures
}

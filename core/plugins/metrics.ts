import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { socketCounts } from '../realtime/counts.ts'
import type { Services } from '../services.ts'
import { type BacklogNumbers, countedTo, readBacklog } from './backlog-numbers.ts'

const upTo = `counted to ${countedTo}`

const backlogGauges: Record<keyof BacklogNumbers, [name: string, help: string]> = {
  conversationsWaiting: ['foyer_conversations_waiting', `Requests being routed, ${upTo}`],
  conversationsActive: ['foyer_conversations_active', `Chats going on, ${upTo}`],
  jobsOpen: ['foyer_jobs_open', `Rows of the outbox still to be done, those due later included, ${upTo}`],
  jobsDead: ['foyer_jobs_dead', `Rows of the outbox that were given up, ${upTo}`],
  jobsOldestDue: ['foyer_jobs_oldest_due_seconds', 'For how long the most overdue job has been due'],
  searchBacklog: ['foyer_search_backlog', `Groups of messages not searchable yet, ${upTo}`],
  searchOldest: ['foyer_search_oldest_seconds', 'Age of the oldest group of messages not searchable yet'],
  mailsWaiting: ['foyer_mails_waiting', `Mails still to be sent, ${upTo}`],
  mailsUnsent: ['foyer_mails_unsent', `Mails that were given up, ${upTo}`],
  mailsOldestWaiting: ['foyer_mails_oldest_waiting_seconds', 'Age of the oldest mail still to be sent'],
}

const counters = {
  opened: ['foyer_sockets_opened_total', 'Sockets whose owner was recognised', 'kind'],
  reconnected: [
    'foyer_sockets_reconnected_total',
    'Sockets of people who had had another one less than a minute before: lines that broke, and changes of page',
    'kind',
  ],
  refused: ['foyer_sockets_refused_total', 'Sockets that Foyer turned away or ended, by reason', 'reason'],
  framesRefused: ['foyer_frames_refused_total', 'Frames answered with "refused", by code', 'code'],
} as const satisfies Record<keyof typeof socketCounts, readonly [name: string, help: string, label: string]>

/** This process's numbers, and those of the database that all processes share. While the database does not answer its
 *  numbers are NaN and `foyer_database_up` is 0; the process's own are there all the same. */
export function metricsOf(services: Services): Registry {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
    new Gauge({
      name,
      help,
      registers,
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

  // all gauges of one scrape share one reading
  let reading: Promise<BacklogNumbers | null> | undefined
  const read = () => {
    reading ??= readBacklog(services.db, services.clock)
      .catch(() => null)
      .finally(() => {
        reading = undefined
      })
    return reading
  }
  gauge('foyer_database_up', 'Whether the database answers', async () => ((await read()) ? 1 : 0))
  for (const [key, [name, help]] of Object.entries(backlogGauges))
    gauge(name, help, async () => (await read())?.[key as keyof BacklogNumbers] ?? Number.NaN)

  for (const [key, [name, help, label]] of Object.entries(counters))
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset()
        for (const [value, count] of socketCounts[key as keyof typeof socketCounts].all())
          this.inc({ [label]: value }, count)
      },
    })
  return registry
}

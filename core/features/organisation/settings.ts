import { sql } from 'kysely'
import { z } from 'zod'
import type { Db, Tx } from '../../db/pool.ts'

const minute = 60_000

/** What one organisation may change about how chats run. Times in milliseconds. */
export const OrganisationSettings = z.object({
  /** How long an agent has to accept. */
  offerTimeoutMs: z.number().int().min(1_000).default(100_000),
  /** How many offers may run out before the visitor gets the fallback; declines do not count. */
  offerTries: z.number().int().min(1).default(2),
  /** Chats of one agent at most, active and offered together. */
  agentCap: z.number().int().min(1).default(10),
  /** A chat without a message from either side ends after this. */
  idleEndMs: z
    .number()
    .int()
    .min(2_000)
    .default(10 * minute),
  /** How long before that end the warning line is written. */
  idleWarningMs: z.number().int().min(500).default(minute),
  /** A visitor gone for this long withdraws the request. */
  visitorGoneMs: z.number().int().min(1_000).default(30_000),
  /** An agent with chats and without a connected inbox for this long is told so on their devices. */
  agentGonePushMs: z.number().int().min(500).default(minute),
  /** An agent without a connected inbox for this long, whose visitor waits for an answer: a colleague is found. */
  agentGoneMs: z.number().int().min(1_000).default(120_000),
  /** What is written to a visitor who has left is mailed after this. */
  visitorMailMs: z.number().int().min(1_000).default(120_000),
  limits: z
    .object({
      /** Sends of one visitor: so many at once, and so many a second after that. */
      visitorBurst: z.number().int().min(1).default(20),
      visitorPerSecond: z.number().min(0.1).default(2),
      /** The same for everybody behind one address. */
      addressBurst: z.number().int().min(1).default(200),
      addressPerSecond: z.number().min(0.1).default(40),
      /** The same for sockets that are opened: each page load is one. Whoever an address holds comes back at once. */
      visitorHelloBurst: z.number().int().min(1).default(30),
      visitorHelloPerSecond: z.number().min(0.1).default(1),
      addressHelloBurst: z.number().int().min(1).default(600),
      addressHelloPerSecond: z.number().min(0.1).default(20),
      /** Visitor sockets and new sessions of one address. */
      addressSockets: z.number().int().min(1).default(500),
      sessionsPerMinute: z.number().int().min(1).default(120),
      /** Requests of one address that wait at the same time. */
      addressWaiting: z.number().int().min(1).default(5),
      /** Conversations that one address begins in 24 hours, as however many visitors. */
      addressConversations: z.number().int().min(1).default(500),
      /** Of one file; and how many a conversation may have. */
      fileBytes: z
        .number()
        .int()
        .min(1_024)
        .max(100 * 1024 * 1024)
        .default(10 * 1024 * 1024),
      filesAConversation: z.number().int().min(0).default(20),
      /** What one visitor, and everybody behind one address, may send in 24 hours. */
      visitorFileBytesADay: z
        .number()
        .int()
        .min(0)
        .default(100 * 1024 * 1024),
      addressFileBytesADay: z
        .number()
        .int()
        .min(0)
        .default(500 * 1024 * 1024),
      /** Open sockets of one visitor, and of one agent, a process. */
      visitorSockets: z.number().int().min(1).default(20),
      agentSockets: z.number().int().min(1).default(30),
    })
    .prefault({}),
  /** Who mails are from; null: as Foyer would have it. */
  mail: z
    .object({
      fromName: z.string().nullable().default(null),
      fromAddress: z.string().nullable().default(null),
      replyTo: z.string().nullable().default(null),
    })
    .prefault({}),
  /** How long things are kept; months as the calendar has them, days of 24 hours. */
  retention: z
    .object({
      /** From the end. */
      conversationMonths: z.number().int().min(1).default(24),
      /** Visitors without a conversation, from when they were last seen. */
      anonymousVisitorDays: z.number().int().min(1).default(90),
      auditMonths: z.number().int().min(1).default(12),
      /** A browser that does not come for so long is a new visitor. */
      visitorTokenDays: z.number().int().min(1).default(180),
    })
    .prefault({}),
})
export type OrganisationSettings = z.infer<typeof OrganisationSettings>

export interface Organisation {
  name: string
  timeZone: string
  settings: OrganisationSettings
}

/** Null before the first-run set-up. */
export async function readOrganisation(db: Db | Tx): Promise<Organisation | null> {
  const { rows } = await sql<{ name: string; timeZone: string; settings: unknown }>`
    select name, time_zone, settings from organisation`.execute(db)
  const row = rows[0]
  return row ? { ...row, settings: OrganisationSettings.parse(row.settings) } : null
}

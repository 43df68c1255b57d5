import { z } from 'zod'
import { Id, Instant } from './common.ts'

/** How far the mirror of a connection has come, and what became of what Foyer wrote there. */
export const ConnectionSync = z.object({
  /** When it was last asked what has changed. */
  polledAt: Instant.nullable(),
  /** Everybody, read once. */
  import: z.object({
    state: z.enum(['none', 'running', 'done', 'failed']),
    done: z.number().int(),
    /** Null where the vendor does not say. */
    total: z.number().int().nullable(),
    perSecond: z.number().nullable(),
    etaMs: z.number().nullable(),
    /** By the vendor's types of people, in the order they are read. */
    kinds: z.array(
      z.object({
        type: z.string(),
        label: z.string(),
        done: z.number().int(),
        total: z.number().int().nullable(),
        /** Until all of this kind are read; null where that cannot be told. */
        etaMs: z.number().nullable(),
      }),
    ),
    /** What came along: whom people work for, and whom they belong to. */
    companies: z.number().int(),
    owners: z.number().int(),
    startedAt: Instant.nullable(),
    finishedAt: Instant.nullable(),
    /** A sentence: why it waits or has failed. */
    reason: z.string().nullable(),
  }),
  writes: z.object({
    open: z.number().int(),
    written: z.number().int(),
    skipped: z.number().int(),
    failed: z.number().int(),
  }),
})
export type ConnectionSync = z.infer<typeof ConnectionSync>

const WriteState = z.enum(['open', 'written', 'skipped', 'failed'])

/** One thing that Foyer writes, or has written, into a CRM. */
export const CrmWrite = z.object({
  id: Id,
  connectionId: Id,
  connector: z.string(),
  kind: z.enum(['person', 'correction', 'conversation', 'meeting']),
  /** Null for the meeting of somebody who never was a visitor. */
  visitorId: Id.nullable(),
  /** Null as well for a visitor who is not the reader's to see. */
  visitorName: z.string().nullable(),
  conversationId: Id.nullable(),
  state: WriteState,
  /** A sentence: why it waits, was left out or failed. */
  reason: z.string().nullable(),
  attempts: z.number().int(),
  /** Whether Foyer made the person there. */
  createdPerson: z.boolean(),
  /** Of the entry, or of the person. */
  url: z.string().nullable(),
  createdAt: Instant,
  changedAt: Instant,
  writtenAt: Instant.nullable(),
})
export type CrmWrite = z.infer<typeof CrmWrite>

export const ListWrites = z.object({ state: WriteState.optional() })
/** The newest first, at most 200. */
export const CrmWriteList = z.object({ writes: z.array(CrmWrite) })
export type CrmWriteList = z.infer<typeof CrmWriteList>

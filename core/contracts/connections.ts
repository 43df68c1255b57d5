import { z } from 'zod'
import { Id, Instant, Text } from './common.ts'

export const ConnectionState = z.enum(['connecting', 'active', 'paused', 'broken', 'disconnected'])
export type ConnectionState = z.infer<typeof ConnectionState>

export const MappedField = z.enum(['name', 'jobTitle', 'email', 'phone', 'crmStatus', 'company'])

/** A vendor's name of a field or of a type of record. */
const VendorName = Text.pipe(z.string().min(1).max(200))

/** Which of the vendor's fields each of Foyer's is read from and written to, by type of record. */
export const Mapping = z.record(VendorName, z.partialRecord(MappedField, VendorName))

/** `both`: read and written. `in`: only read. `off`: neither. */
export const Direction = z.enum(['both', 'in', 'off'])

/** What Foyer writes into the CRM, once writing is on. */
export const WriteBackRules = z.strictObject({
  /** Whom Foyer creates, after an accepted chat or a booking, where there is nobody with the address. */
  create: z
    .strictObject({
      on: z.boolean().default(true),
      /** Of the connector's types of people; null: its first. */
      type: VendorName.nullable().default(null),
      /** `agent`: the CRM user that the chat's agent is. `nobody`: as the vendor decides. `user`: always the same one. */
      owner: z
        .discriminatedUnion('by', [
          z.strictObject({ by: z.literal('agent') }),
          z.strictObject({ by: z.literal('nobody') }),
          z.strictObject({ by: z.literal('user'), id: VendorName }),
        ])
        .default({ by: 'agent' }),
      /** The vendor's fields with the values they get: source, status, required ones. */
      fixed: z.record(VendorName, Text.pipe(z.string().max(1_000))).default({}),
    })
    .prefault({}),
  /** What a visitor gave fills fields that are empty there. */
  fillEmpty: z.boolean().default(true),
  /** What an agent corrects overwrites. */
  corrections: z.boolean().default(true),
  conversations: z.boolean().default(true),
  meetings: z.boolean().default(true),
  /** Of single fields; one that is not named goes both ways. */
  directions: z.partialRecord(MappedField, Direction).default({}),
})
export type WriteBackRules = z.infer<typeof WriteBackRules>

export const ConnectionParams = z.object({ id: Id })

/** What happened lately, in words. */
export const ConnectionHealth = z.object({
  lastOkAt: Instant.nullable(),
  lastFailure: z.object({ at: Instant, code: z.string(), message: z.string() }).nullable(),
  failuresInARow: z.number().int(),
  lastSyncAt: Instant.nullable(),
  /** Nothing is sent before: the vendor asked for it. */
  resting: z.object({ until: Instant, because: z.string() }).nullable(),
})
export type ConnectionHealth = z.infer<typeof ConnectionHealth>

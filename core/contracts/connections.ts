import { z } from 'zod'
import { Id, Instant, Text } from './common.ts'

export const ConnectionState = z.enum(['connecting', 'active', 'paused', 'broken', 'disconnected'])
export type ConnectionState = z.infer<typeof ConnectionState>

export const MappedField = z.enum(['name', 'jobTitle', 'email', 'phone', 'crmStatus', 'company'])
export type MappedField = z.infer<typeof MappedField>

/** A vendor's name of a field or of a type of record. */
const VendorName = Text.pipe(z.string().min(1).max(200))

/** Which of the vendor's fields each of Foyer's is read from and written to, by type of record. */
export const Mapping = z.record(VendorName, z.partialRecord(MappedField, VendorName))
export type Mapping = z.infer<typeof Mapping>

/** What a status of the CRM, as people see it there, is called in Foyer. One that is not named is called the same. */
export const StatusNames = z
  .record(VendorName, Text.pipe(z.string().trim().min(1).max(100)))
  .refine((names) => Object.keys(names).length <= 500, 'At most 500 statuses can be named.')
export type StatusNames = z.infer<typeof StatusNames>

/** `both`: read and written. `in`: only read. `off`: neither. */
export const Direction = z.enum(['both', 'in', 'off'])
export type Direction = z.infer<typeof Direction>

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
      /** The status they get, by its name in Foyer; null: as the CRM decides. */
      status: Text.pipe(z.string().trim().min(1).max(100)).nullable().default(null),
      /** The vendor's fields with the values they get: source, required ones. */
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

/** What can be connected: everything that the page for it is drawn from. */
export const Connector = z.object({
  id: z.string(),
  name: z.string(),
  /** What an admin fills in before connecting, in this order. */
  settings: z.array(
    z.object({
      key: z.string(),
      label: z.string(),
      help: z.string(),
      kind: z.enum(['text', 'origin', 'address', 'choice']),
      options: z.array(z.object({ value: z.string(), label: z.string() })),
      required: z.boolean(),
      initial: z.string().nullable(),
    }),
  ),
  /** How to make the vendor's app, step by step, with everything filled in. */
  steps: z.array(z.string()),
  documentation: z.string(),
  scopes: z.array(z.string()),
  /** To be entered in the vendor's app exactly so. */
  redirectUrl: z.string(),
  /** Where the vendor sends its events to; null for a connector that takes none. */
  webhookUrl: z.string().nullable(),
  /** Null for a connector that is no CRM. */
  crm: z
    .object({
      personTypes: z.array(z.object({ type: z.string(), label: z.string() })),
      activityKinds: z.array(z.string()),
      /** The mapping to begin with. */
      mapping: Mapping,
      /** Read and never written, whatever the mapping says. */
      readOnlyFields: z.array(MappedField),
    })
    .nullable(),
})
export type Connector = z.infer<typeof Connector>
export const ConnectorList = z.object({ connectors: z.array(Connector) })
export type ConnectorList = z.infer<typeof ConnectorList>

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

/** How much of one of the vendor's limits is used now. */
export const LimitHeadroom = z.object({
  name: z.string(),
  used: z.number().int(),
  max: z.number().int(),
  /** Part of `max` that background work leaves to live chats. */
  reserved: z.number().int(),
  perMs: z.number().int(),
})
export type LimitHeadroom = z.infer<typeof LimitHeadroom>

export const Connection = z.object({
  id: Id,
  /** `name` is its id where the connector is not installed any more. */
  connector: z.object({ id: z.string(), name: z.string(), installed: z.boolean() }),
  state: ConnectionState,
  /** A sentence: how it stands, and what to do where something is to be done. */
  stateText: z.string(),
  /** Why it is not as usual, or why connecting again did not work; null: nothing is wrong. */
  stateReason: z.string().nullable(),
  settings: z.record(z.string(), z.string()),
  clientId: z.string().nullable(),
  /** The secret itself never comes back. */
  hasClientSecret: z.boolean(),
  account: z.object({ id: z.string(), name: z.string(), url: z.string().nullable() }).nullable(),
  /** Asked for and not granted. Empty as well where the vendor does not say. */
  missingScopes: z.array(z.string()),
  mapping: Mapping,
  statusNames: StatusNames,
  /** Lower comes first. */
  precedence: z.number().int(),
  /** Where a field has an order of its own. */
  fieldPrecedence: z.partialRecord(MappedField, z.number().int()),
  writeBack: WriteBackRules,
  writingOn: z.boolean(),
  /** Writing can be turned on after this. */
  previewedAt: Instant.nullable(),
  health: ConnectionHealth,
  limits: z.array(LimitHeadroom),
  /** Jobs of this connection that wait, what is put aside until it can be used again among them, and those that were given up. */
  backlog: z.object({ waiting: z.number().int(), failed: z.number().int() }),
  describedAt: Instant.nullable(),
  createdAt: Instant,
  connectedAt: Instant.nullable(),
  changedAt: Instant,
  /** Goes with a change; 409 `changed_meanwhile` where it is not the newest. */
  version: z.number().int(),
})
export type Connection = z.infer<typeof Connection>
/** Those that are not over, in their precedence. */
export const ConnectionList = z.object({ connections: z.array(Connection) })
export type ConnectionList = z.infer<typeof ConnectionList>

/** What waits for an admin: connections that do not work, and writes that were given up. */
export const ConnectionAttention = z.object({
  broken: z.array(z.string()),
  failedWrites: z.number().int(),
})
export type ConnectionAttention = z.infer<typeof ConnectionAttention>

const Settings = z.record(z.string().max(100), Text.pipe(z.string().trim().max(500)))
const ClientId = Text.pipe(z.string().trim().min(1, 'The client id is needed.').max(500))
const ClientSecret = Text.pipe(z.string().trim().min(1, 'The client secret is needed.').max(1_000))

export const CreateConnection = z.strictObject({
  connector: z.string().max(100),
  settings: Settings.default({}),
  clientId: ClientId,
  clientSecret: ClientSecret,
})

const Place = z.number().int().min(1).max(1_000)

/** What is left out stays. Other settings or another client: it has to be connected again. */
export const ChangeConnection = z.strictObject({
  version: z.number().int(),
  settings: Settings.optional(),
  clientId: ClientId.optional(),
  clientSecret: ClientSecret.optional(),
  mapping: Mapping.optional(),
  statusNames: StatusNames.optional(),
  precedence: Place.optional(),
  fieldPrecedence: z.partialRecord(MappedField, Place).optional(),
  writeBack: WriteBackRules.optional(),
  writingOn: z.boolean().optional(),
})
export type ChangeConnection = z.input<typeof ChangeConnection>

/** Where the browser is sent to agree. */
export const AuthorizeAnswer = z.object({ url: z.string() })

/** What the callback adds to `/inbox/settings/connectors`: `?connection=…&result=…`. Anything else is in `stateText`. */
export const ConnectResult = z.enum([
  'connected',
  /** Connected again while it was paused, which it stays. */
  'still_paused',
  /** The admin did not agree at the vendor. */
  'denied',
  /** Too late, used before, or begun in another session. */
  'expired',
  /** It is another account than before. */
  'other_account',
  'failed',
])
export type ConnectResult = z.infer<typeof ConnectResult>

export const OAuthCallback = z.object({
  code: z.string().max(4_000).optional(),
  state: z.string().max(200).optional(),
  error: z.string().max(200).optional(),
})

export const ConnectionTest = z.object({
  ok: z.boolean(),
  account: z.object({ id: z.string(), name: z.string() }).nullable(),
  /** A sentence with a reason to act on; null where it works. */
  failure: z.object({ code: z.string(), message: z.string() }).nullable(),
})
export type ConnectionTest = z.infer<typeof ConnectionTest>

/** `erase`: also what Foyer has read of people there. */
export const Disconnect = z.strictObject({ mirror: z.enum(['keep', 'erase']) })

/** What this connection may see: choices for the mapping. */
export const ConnectionDescription = z.object({
  describedAt: Instant,
  types: z.array(
    z.object({
      type: z.string(),
      label: z.string(),
      mayCreate: z.boolean(),
      fields: z.array(
        z.object({
          name: z.string(),
          label: z.string(),
          type: z.enum(['text', 'email', 'phone', 'choice', 'number', 'date', 'other']),
          options: z.array(z.object({ value: z.string(), label: z.string() })),
          mayWrite: z.boolean(),
          requiredToCreate: z.boolean(),
          maxLength: z.number().int().nullable(),
        }),
      ),
    }),
  ),
})
export type ConnectionDescription = z.infer<typeof ConnectionDescription>

/** The vendor's users as they were last read: whom a new person can belong to. */
export const ConnectionUsers = z.object({
  users: z.array(
    z.object({
      id: z.string(),
      name: z.string().nullable(),
      email: z.string().nullable(),
      isQueue: z.boolean(),
    }),
  ),
})
export type ConnectionUsers = z.infer<typeof ConnectionUsers>

/** What would be written for the newest finished chat, or for a made-up one where there is none. */
export const WritePreview = z.object({
  isSample: z.boolean(),
  previewedAt: Instant,
  writes: z.array(
    z.object({
      kind: z.enum(['create_person', 'update_person', 'log_conversation', 'log_meeting']),
      /** Such as "Lead". */
      record: z.string(),
      values: z.array(z.object({ field: z.string(), value: z.string() })),
    }),
  ),
})
export type WritePreview = z.infer<typeof WritePreview>

export const ConnectionParams = z.object({ id: Id })

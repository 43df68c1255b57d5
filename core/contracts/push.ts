import { z } from 'zod'
import { Id, Instant, Text } from './common.ts'

const Key = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_-]+={0,2}$/, 'A key is written in base64url.')

/** What a browser needs to subscribe. */
export const PushKey = z.object({ publicKey: z.string() })

/** As PushSubscription.toJSON() gives it. Saving one again refreshes it: this device is the signed-in agent's. */
export const SavePushSubscription = z.object({
  endpoint: z.url({ protocol: /^https?$/ }).max(1_000),
  keys: z.object({ p256dh: Key, auth: Key }),
})
export type SavePushSubscription = z.infer<typeof SavePushSubscription>

/** A device of the signed-in agent. */
export const PushDevice = z.object({
  id: Id,
  /** Such as "Chrome on macOS". */
  device: z.string(),
  createdAt: Instant,
  /** When the inbox was last open there. */
  seenAt: Instant,
  /** The latest notification: taken by the push service, shown on the device, clicked there. */
  deliveredAt: Instant.nullable(),
  shownAt: Instant.nullable(),
  clickedAt: Instant.nullable(),
  /** Deliveries that failed since the last one that did not. */
  failures: z.number().int(),
  failedBecause: z.string().nullable(),
})
export type PushDevice = z.infer<typeof PushDevice>
export const PushDeviceList = z.object({ devices: z.array(PushDevice) })

/** How far a push has come, as the trace and the test button show it. */
export const Push = z.object({
  id: Id,
  device: z.string(),
  state: z.enum(['waiting', 'delivered', 'failed', 'outdated']),
  failedBecause: z.string().nullable(),
  sentAt: Instant,
  deliveredAt: Instant.nullable(),
  shownAt: Instant.nullable(),
  clickedAt: Instant.nullable(),
})
export type Push = z.infer<typeof Push>

/** From a service worker, also one whose agent is signed out: the token came with the push. */
export const PushReceipt = z.strictObject({
  token: z.string().max(200),
  event: z.enum(['received', 'shown', 'clicked']),
})
/** What may be shown on that device at this moment. */
export const PushVerdict = z.object({ show: z.enum(['everything', 'no_names', 'nothing']) })

/** What a service worker finds in a push. `close` takes away what an earlier one with this tag has shown. */
export const PushPayload = z.object({
  kind: z.enum(['offer', 'close', 'message', 'gone', 'test']),
  tag: Text,
  token: z.string(),
  title: z.string(),
  body: z.string(),
  /** Shown instead where the agent has been signed out meanwhile. */
  plainTitle: z.string(),
  url: z.string(),
  expiresAt: Instant,
})
export type PushPayload = z.infer<typeof PushPayload>

/** Where a click on a notification of an offer leads. */
export const OfferOutcome = z.object({
  conversationId: Id,
  state: z.enum(['pending', 'accepted', 'declined', 'expired', 'withdrawn']),
  visitor: z.string().nullable(),
  /** The chat is the signed-in agent's. */
  isOwn: z.boolean(),
  /** The name of the other agent who has it, or had it. */
  takenBy: z.string().nullable(),
})
export type OfferOutcome = z.infer<typeof OfferOutcome>

import { z } from 'zod'
import { Id, Instant } from './common.ts'
import { Offer } from './conversations.ts'
import { Push } from './push.ts'

/**
 * Where candidates come from, in the order they are asked:
 *   wanted          the request names an agent, such as a test chat
 *   previous_agent  whoever talked with this visitor the last time
 *   account         the account list, by the domain of the visitor's e-mail address or the company's name
 *   person_owner    who owns the person in a CRM, or in Foyer's directory
 *   company_owner   who owns the company there
 *   agent, team, rule   where the site's route leads
 *   round_robin     everybody, in turn
 */
export const RoutingStage = z.enum([
  'wanted',
  'previous_agent',
  'account',
  'person_owner',
  'company_owner',
  'agent',
  'team',
  'rule',
  'round_robin',
])
export type RoutingStage = z.infer<typeof RoutingStage>

/** In the trace there is also whom the chat's agent hands it over to: somebody, or the members of a team. */
export const TraceStage = z.enum([...RoutingStage.options, 'handover'])
export type TraceStage = z.infer<typeof TraceStage>

/** Why somebody cannot be asked: deactivated or without chats, asked for this request before, not available, gone from
 *  this very chat and not back, nowhere to be reached, or with as many chats as allowed. */
export const PassedOverReason = z.enum([
  'inactive',
  'asked_already',
  'unavailable',
  'gone',
  'unreachable',
  'full',
])
export type PassedOverReason = z.infer<typeof PassedOverReason>

/** Why an owner is nobody to ask: a queue, a user who is not active there, somebody who is no agent here, somebody an
 *  admin said is nobody; or an address at a provider of everybody's, which names no company. */
export const NoOwnerReason = z.enum(['queue', 'inactive_user', 'no_agent', 'set_to_nobody', 'free_mail'])
export type NoOwnerReason = z.infer<typeof NoOwnerReason>

/** An owner who is nobody to ask, as the connector names them; for `free_mail` the address's domain. */
export const NamedOwner = z.object({ name: z.string(), connector: z.string().nullable() })

/** One agent at one stage, an owner who is no agent, or those a stage passed over together. */
export const RoutingStep = z.object({
  /** From 1 in its round. */
  n: z.number().int(),
  /** Which time the conversation was routed, from 1. */
  round: z.number().int(),
  at: Instant,
  stage: TraceStage,
  /** The name of the team or rule, or the account's domain, as it was. */
  label: z.string().nullable(),
  /** Null: an owner who is no agent, see `owner`, or several, see `others`. */
  agent: z.object({ id: Id, name: z.string() }).nullable(),
  outcome: z.enum(['passed_over', 'asked']),
  owner: NamedOwner.nullable(),
  /** Who handed the chat over, in a round that is a handover. */
  handedOverBy: z.string().nullable(),
  /** Why this agent or owner was passed over; null for one who was asked. */
  reason: z.union([PassedOverReason, NoOwnerReason]).nullable(),
  /** unavailable: until when, if it is known. */
  until: Instant.nullable(),
  /** full: how many chats the agent had, and how many are allowed. */
  load: z.number().int().nullable(),
  cap: z.number().int().nullable(),
  /** How many were passed over together, by reason. */
  others: z.partialRecord(PassedOverReason, z.number().int()).nullable(),
  /** What became of asking. */
  offer: z
    .object({
      id: Id,
      state: Offer.shape.state,
      askedAt: Instant,
      closedAt: Instant.nullable(),
      expiresAt: Instant,
      /** The notifications of it, one a device; none where an inbox was in view. */
      pushes: z.array(Push),
    })
    .nullable(),
})
export type RoutingStep = z.infer<typeof RoutingStep>

/** How a conversation was routed, oldest step first; at most 2,000 of them. */
export const Routing = z.object({ steps: z.array(RoutingStep) })
export type Routing = z.infer<typeof Routing>

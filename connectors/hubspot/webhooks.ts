import * as z from 'zod'
import type { WebhookDeclaration, WebhookEvent } from '../sdk/crm.ts'
import { contactType } from './mapping.ts'
import { isSigned } from './signature.ts'

const Id = z.coerce.string().regex(/^\d+$/)
const Event = z.object({
  eventId: z.coerce.string(),
  subscriptionId: z.coerce.string(),
  portalId: Id,
  occurredAt: z.number(),
  subscriptionType: z.string(),
  objectId: Id.optional(),
  objectTypeId: z.string().optional(),
  primaryObjectId: Id.optional(),
  mergedObjectIds: z.array(Id).optional(),
  newObjectId: Id.optional(),
  associationType: z.string().optional(),
  fromObjectId: Id.optional(),
  toObjectId: Id.optional(),
})
type Event = z.infer<typeof Event>

export const webhooks: WebhookDeclaration = {
  read(request, appSecret, now) {
    if (!isSigned(request, appSecret, now)) return null
    return eventsIn(request.rawBody).flatMap((event) => {
      const found = meaningOf(event)
      return found ? [found] : []
    })
  },
}

/** Ten times what HubSpot sends at once. */
const eventsAtMost = 1_000

/** What cannot be read is left out: it is signed, so sending it again would not make it better. The poll finds what it told. */
function eventsIn(rawBody: Buffer): Event[] {
  let body: unknown
  try {
    body = JSON.parse(rawBody.toString('utf8'))
  } catch {
    return []
  }
  return [body]
    .flat()
    .slice(0, eventsAtMost)
    .flatMap((one) => {
      const event = Event.safeParse(one)
      return event.success ? [event.data] : []
    })
}

/** Null: nothing about a contact. `object.…` is how apps of 2025 and later are told the same. */
function meaningOf(event: Event): WebhookEvent | null {
  const [noun, verb] = event.subscriptionType.split('.')
  if (noun !== 'contact' && !(noun === 'object' && event.objectTypeId === '0-1')) return null
  const id = verb === 'merge' ? (event.newObjectId ?? event.primaryObjectId) : contactIn(event)
  if (!id) return null
  const ref = { type: contactType, id }
  const told = (change: WebhookEvent['change'], mergedIds: string[] = []): WebhookEvent => ({
    // the same event comes again with another attempt number
    id: `${event.eventId}-${event.subscriptionId}-${event.occurredAt}`,
    accountId: event.portalId,
    change,
    mergedIds,
    occurredAt: new Date(event.occurredAt),
  })
  switch (verb) {
    case 'creation':
    case 'propertyChange':
    case 'restore':
      return told({ type: 'changed', ref })
    case 'associationChange':
      return told({
        type: /COMPANY/.test(event.associationType ?? '') ? 'changed' : 'activities_changed',
        ref,
      })
    case 'deletion':
      return told({ type: 'gone', ref, erase: false })
    case 'privacyDeletion':
      return told({ type: 'gone', ref, erase: true })
    case 'merge': {
      const merged = new Set([...(event.mergedObjectIds ?? []), event.primaryObjectId ?? id])
      return told(
        { type: 'changed', ref },
        [...merged].filter((one) => one !== id),
      )
    }
    default:
      return null
  }
}

/** An association names both sides, in either order. */
function contactIn({ objectId, associationType, fromObjectId, toObjectId }: Event): string | undefined {
  if (!associationType) return objectId
  return associationType.startsWith('CONTACT_TO_') ? fromObjectId : toObjectId
}

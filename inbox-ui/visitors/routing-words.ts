import type { Push } from '../../core/contracts/push.ts'
import type { NoOwnerReason, PassedOverReason, RoutingStep } from '../../core/contracts/routing.ts'
import type { Format } from '../messages/format.ts'
import type { Messages } from '../messages/language.ts'

/** Where a step's candidate came from: "Team: Sales". */
export function stageInWords({ stage, label }: RoutingStep, text: Messages): string {
  const words = text.routing
  return label === null ? words.stages[stage] : words.stageOf(words.stages[stage], label)
}

/** How far the notification on one device has come: "Chrome on macOS: clicked". */
export function pushInWords(
  { device, state, shownAt, clickedAt, failedBecause }: Push,
  text: Messages,
): string {
  const words = text.notifications.told
  if (clickedAt) return words.clicked(device)
  if (shownAt) return words.shown(device)
  return state === 'failed' ? words.failed(device, failedBecause ?? '') : words[state](device)
}

/** "Priya Shah owns this in Salesforce, and is no agent here". */
export function noOwnerInWords(
  { name, connector }: NonNullable<RoutingStep['owner']>,
  why: NoOwnerReason,
  text: Messages,
): string {
  const source = connector && (text.accounts.connectors[connector] ?? connector)
  return text.routing.noOwner[why](name, source ?? '')
}

/** What came of a step: "Dana was unavailable until 17:00", "Marco accepted after 12 s". */
export function stepInWords(step: RoutingStep, text: Messages, format: Format, now: number): string {
  const words = text.routing
  const name = step.agent?.name
  if (step.owner) return noOwnerInWords(step.owner, step.reason as NoOwnerReason, text)
  if (name === undefined) {
    const counted = Object.entries(step.others ?? {}) as [PassedOverReason, number][]
    if (counted.length === 0) return words.emptyTeam
    return words.others(counted.map(([reason, count]) => words.many[reason](count)))
  }
  if (step.offer) {
    const { state, askedAt, closedAt } = step.offer
    if (state === 'pending' || closedAt === null) return words.offer.pending(name)
    return words.offer[state](name, format.length(Date.parse(closedAt) - Date.parse(askedAt)))
  }
  switch (step.reason) {
    case 'unavailable':
      return words.unavailable(name, step.until && format.timeOrDay(step.until, now))
    case 'full':
      return words.full(name, step.load ?? 0, step.cap ?? 0)
    case 'inactive':
    case 'asked_already':
    case 'gone':
    case 'unreachable':
      return words[step.reason](name)
    default:
      return name
  }
}

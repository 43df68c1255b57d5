import type { Crm, Logged, LoggedConversation, PersonRef } from '../sdk/crm.ts'
import { dateIn } from './dates.ts'
import { type Entry, logEntry } from './log-entry.ts'

/** A completed task: activities of past dates are what Salesforce shows as history. */
export const logConversation = (
  crm: Crm,
  ref: PersonRef,
  conversation: LoggedConversation,
): Promise<Logged> => logEntry(crm, ref, taskOf(conversation, crm.connection.account?.details?.timeZone))

export const descriptionAtMost = 32_000

export function taskOf(conversation: LoggedConversation, timeZone = 'UTC'): Entry {
  const { key, knownId, mayExist, ownerId, subject, endedAt } = conversation
  return {
    type: 'Task',
    key,
    knownId,
    mayExist,
    ownerId,
    subject,
    values: {
      Status: 'Completed',
      Priority: 'Normal',
      ActivityDate: dateIn(endedAt, timeZone),
      Description: descriptionOf(conversation),
    },
  }
}

/** Head and transcript within what the field takes; what is left out is said and found in Foyer. */
export function descriptionOf({
  outcome,
  agentName,
  startedAt,
  endedAt,
  transcript,
  link,
}: LoggedConversation): string {
  const minutes = Math.max(1, Math.round((endedAt.getTime() - startedAt.getTime()) / 60_000))
  const head = [
    `Outcome: ${outcome ?? 'none given'}`,
    ...(agentName ? [`Agent: ${agentName}`] : []),
    `Started: ${startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC, ${minutes} min`,
    `In Foyer: ${link}`,
    '',
    '',
  ].join('\n')
  if (head.length + transcript.length <= descriptionAtMost) return head + transcript
  const end = '\n\n[The rest does not fit into Salesforce. The whole transcript is in Foyer.]'
  const room = descriptionAtMost - head.length - end.length
  return head + transcript.slice(0, room).replace(/[\uD800-\uDBFF]$/, '') + end
}

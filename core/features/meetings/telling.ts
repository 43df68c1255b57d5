import type { Entry } from '../../contracts/conversations.ts'
import type { Meeting } from '../../contracts/meetings.ts'
import type { Change } from '../../services.ts'
import type { ConversationRow } from '../conversations/repository.ts'

/** A new line of a chat, to both who are in it. */
export function tellEntry(change: Change, { id, visitorId, agentId }: ConversationRow, entry: Entry): void {
  const frame = { type: 'entry', conversationId: id, entry } as const
  change.tellVisitor(visitorId, frame)
  if (agentId) change.tellAgent(agentId, frame)
}

/** A meeting is not what it was: its agent gets it as it is, its visitor reads it again by the token they have. */
export function tellMeeting(change: Change, meeting: Meeting): void {
  change.tellAgent(meeting.agent.id, { type: 'meeting', meeting })
  if (meeting.visitorId)
    change.tellVisitor(meeting.visitorId, { type: 'meeting', meetingId: meeting.id, state: meeting.state })
}

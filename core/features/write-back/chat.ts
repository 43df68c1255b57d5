import type { LoggedConversation } from '#connectors/sdk/crm.ts'
import { NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { summary } from '../conversations/repository.ts'
import { formatTranscript, readTranscript } from '../conversations/transcript.ts'
import { readOrganisation } from '../organisation/settings.ts'
import { readOutcomes } from '../outcomes/repository.ts'

/** A chat as it is logged in a CRM: what was said, without notes, and what came of it; null when it is not there. */
export async function describeChat(
  { db, clock, config }: Services,
  conversationId: string,
): Promise<Omit<LoggedConversation, 'key' | 'knownId' | 'mayExist' | 'ownerId'> | null> {
  try {
    const chat = await summary(db, clock.now(), conversationId)
    const zone = (await readOrganisation(db))?.timeZone ?? 'UTC'
    const outcomes = await readOutcomes(db)
    const startedAt = new Date(chat.requestedAt)
    return {
      subject: `Chat on ${chat.site.name}`,
      startedAt,
      endedAt: chat.endedAt ? new Date(chat.endedAt) : startedAt,
      transcript: formatTranscript(await readTranscript(db, chat), zone),
      outcome: outcomes.find(({ key }) => key === chat.outcome)?.label ?? chat.outcome,
      agentName: chat.agent?.name ?? null,
      link: `${config.publicUrl ?? ''}/inbox/c/${conversationId}`,
    }
  } catch (error) {
    if (error instanceof NotFoundError) return null
    throw error
  }
}

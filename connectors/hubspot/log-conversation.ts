import type { Crm, Logged, LoggedConversation, PersonRef } from '../sdk/crm.ts'
import { escapedWithin, escapeHtml } from './html.ts'
import { logOnce } from './logged.ts'
import { markerHtml } from './marker.ts'

/** https://developers.hubspot.com/docs/api-reference/crm-notes-v3/guide */
const noteLimit = 65_536

/** A chat becomes a note: HubSpot's own type for messages takes only WhatsApp, LinkedIn and SMS. */
export const logConversation = (
  crm: Crm,
  ref: PersonRef,
  conversation: LoggedConversation,
): Promise<Logged> => logOnce(crm, ref, 'notes', conversation, noteProperties(conversation))

export const noteProperties = (conversation: LoggedConversation): Record<string, string> => ({
  hs_note_body: noteBody(conversation),
  hs_timestamp: conversation.startedAt.toISOString(),
  ...(conversation.ownerId === null ? {} : { hubspot_owner_id: conversation.ownerId }),
})

function noteBody({
  key,
  subject,
  outcome,
  agentName,
  startedAt,
  endedAt,
  transcript,
  link,
}: LoggedConversation) {
  const facts = [
    outcome && `Outcome: ${outcome}`,
    agentName && `Agent: ${agentName}`,
    `${minute(startedAt)} to ${minute(endedAt)} UTC`,
  ].filter(Boolean)
  const head = `<p><strong>${short(subject)}</strong></p><p>${short(facts.join(' · '))}</p>`
  const foot = `${linkHtml(link)}${markerHtml(key)}`
  const cut = '<p><em>Cut here: HubSpot takes no longer notes. The whole transcript is in Foyer.</em></p>'
  const room = noteLimit - head.length - foot.length - cut.length - '<p></p>'.length
  const { html, isWhole } = escapedWithin(transcript, room)
  return `${head}<p>${html}</p>${isWhole ? '' : cut}${foot}`
}

/** Nobody’s subject is that long; if one is, the transcript still has its place. */
const short = (text: string) => escapeHtml(text.slice(0, 500))

const minute = (at: Date) => at.toISOString().slice(0, 16).replace('T', ' ')

function linkHtml(link: string): string {
  const isWeb = URL.canParse(link) && /^https?:$/.test(new URL(link).protocol)
  return isWeb ? `<p><a href="${escapeHtml(link)}">Open in Foyer</a></p>` : ''
}

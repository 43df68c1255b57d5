import { sql } from 'kysely'
import type { Tx } from '../../db/pool.ts'
import { change, eachByItself, type Services } from '../../services.ts'
import { canMail } from '../conversations/letters.ts'
import { formatTranscript, readTranscript } from '../conversations/transcript.ts'
import { queueMail } from '../mail/mail.ts'
import { lockMeeting, type MeetingRow } from './repository.ts'

/** What the host wants to have at hand: who it is in the CRM, and the chat it came from. A chat that goes on is its agent's alone: to
 *  another host it is mailed once it has ended, which is written down here. */
export async function background(tx: Tx, meeting: MeetingRow): Promise<string[]> {
  const found: string[] = []
  const { rows } = await sql<{ url: string }>`
    select p.record_url as url from people_mirror_emails e join people_mirror p using (connector, external_id)
    where e.email = ${meeting.email} and p.record_url is not null order by p.read_at desc limit 1`.execute(tx)
  if (rows[0]) found.push(`In the CRM: ${rows[0].url}`)
  const chat = await chatOf(tx, meeting)
  if (!chat) return found
  if (isOver(chat) || chat.agentId === meeting.agentId)
    return [...found, ...(await transcriptOf(tx, meeting, 'The chat so far:'))]
  await sql`update meetings set transcript_due = true where id = ${meeting.id}`.execute(tx)
  return [...found, 'The chat it came from goes on. What is said in it comes to you when it has ended.']
}

interface Chat {
  agentId: string | null
  status: string
}

const isOver = ({ status }: Chat) => status === 'ended' || status === 'missed'

/** Null also for one that is nobody's to see. */
async function chatOf(tx: Tx, { conversationId }: MeetingRow): Promise<Chat | null> {
  const { rows } = await sql<Chat>`
    select agent_id, status from conversations where id = ${conversationId} and not blocked`.execute(tx)
  return rows[0] ?? null
}

/** A mail takes a million characters; one that does not fit must not keep a meeting from being booked. */
const mostCharacters = 300_000

async function transcriptOf(tx: Tx, meeting: MeetingRow, heading: string): Promise<string[]> {
  if (!meeting.conversationId) return []
  const lines = await readTranscript(tx, { id: meeting.conversationId, visitor: { name: meeting.name } })
  const text = formatTranscript(lines, meeting.agentTimeZone).trimEnd()
  if (text === '') return []
  const end = text.slice(-mostCharacters)
  return [`${heading}\n${end.length < text.length ? '(What came before is left out here.)\n…' : ''}${end}`]
}

/** Mails hosts the chats that have ended since they were told of the meeting. */
export async function sweepTranscripts(services: Services): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select m.id from meetings m left join conversations c on c.id = m.conversation_id
    where m.transcript_due and (c.id is null or c.status in ('ended', 'missed')) limit 100`.execute(
    services.db,
  )
  const failures = await eachByItself(rows, ({ id }) => mailTranscript(services, id))
  if (failures.length > 0) throw failures[0]
}

const mailTranscript = (services: Services, id: string) =>
  change(services, async ({ tx, after }) => {
    const meeting = await lockMeeting(tx, id)
    const { rows } = await sql<{ active: boolean }>`
      update meetings m set transcript_due = false from agents a
      where m.id = ${id} and m.transcript_due and a.id = m.agent_id returning a.active`.execute(tx)
    // whoever does not work here any more is told nothing
    if (!meeting || !rows[0]?.active || meeting.state !== 'booked') return
    const chat = await chatOf(tx, meeting)
    const transcript = chat && isOver(chat) ? await transcriptOf(tx, meeting, 'This is what was said:') : []
    if (transcript.length === 0 || !canMail(services)) return
    await queueMail(tx, services.clock, {
      to: { address: meeting.agentEmail, name: meeting.agentName },
      replyTo: meeting.email,
      subject: `Your meeting with ${meeting.name}: the chat it came from`,
      text: `${[`Hello ${meeting.agentName},`, `the chat with ${meeting.name} (${meeting.email}) has ended.`, ...transcript].join('\n\n')}\n`,
    })
    after(services.wakeJobs)
  })

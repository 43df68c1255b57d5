import { sql } from 'kysely'
import type { Conversation, Entry } from '../../contracts/conversations.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { readOrganisation } from '../organisation/settings.ts'
import { readEntries } from './entries.ts'
import { addressOf, writeTo } from './letters.ts'
import { lock, visibleSummary } from './repository.ts'
import type { Viewer } from './visibility.ts'

type Named = Entry & { name: string }

/** The whole log with a name on each line. No notes: what agents say among themselves goes nowhere. */
export async function readTranscript(
  db: Db | Tx,
  conversation: Pick<Conversation, 'id'> & { visitor: Pick<Conversation['visitor'], 'name'> },
): Promise<Named[]> {
  const names = await readNames(db, conversation.id)
  const visitorName = conversation.visitor.name ?? 'Visitor'
  const entries: Named[] = []
  for (let afterSeq = 0; ; ) {
    const page = await readEntries(db, conversation.id, { afterSeq })
    for (const entry of page.entries)
      entries.push({
        ...entry,
        name:
          entry.sender.type === 'visitor'
            ? visitorName
            : entry.sender.type === 'agent'
              ? (names.get(entry.sender.id ?? '') ?? 'Agent')
              : 'Foyer',
      })
    afterSeq = page.entries.at(-1)?.seq ?? afterSeq
    if (!page.hasMore) return entries
  }
}

async function readNames(db: Db | Tx, conversationId: string): Promise<Map<string, string>> {
  const { rows } = await sql<{ id: string; name: string }>`
    select distinct a.id, a.name from entries e join agents a on a.id = e.sender_id
    where e.conversation_id = ${conversationId} and e.sender_type = 'agent'`.execute(db)
  return new Map(rows.map(({ id, name }) => [id, name]))
}

/** Mails a finished chat to its visitor.
 *  @param take asked once it is known that and where to it would go, and refuses what goes there too often
 *  @throws {NotFoundError} it is not there, or goes on
 *  @throws {ConflictError} `no_mail_server`, `no_address` */
export async function mailTranscript(
  services: Services,
  agent: Viewer & { email: string },
  conversationId: string,
  take: (address: string) => Promise<void>,
): Promise<{ to: string }> {
  const { db, clock } = services
  const conversation = await visibleSummary(db, clock.now(), agent, conversationId)
  if (conversation.status !== 'ended') throw new NotFoundError('chat that has ended')
  const zone = (await readOrganisation(db))?.timeZone ?? 'UTC'
  await take((await addressOf(services, db, conversation.visitor.id)).address)
  return change(services, async (change) => {
    const row = await lock(change.tx, conversationId)
    const to = await addressOf(services, change.tx, row.visitorId)
    // by the name that is on the letter: what only the CRM or the directory knows does not reach the visitor
    const visitor = { name: to.name }
    const transcript = formatTranscript(
      await readTranscript(change.tx, { id: conversationId, visitor }),
      zone,
    )
    await writeTo(services, change, row, to, {
      subject: (organisation) => `Your chat with ${organisation}`,
      body: ['This is what was said:', transcript.trimEnd()],
      replyTo: agent.email,
    })
    return { to: to.address }
  })
}

/** One line an entry, `YYYY-MM-DD HH:MM:SS ±hh:mm  Name: text`, further lines of a text indented.
 *  @param timeZone the IANA zone whose clock the lines show. */
export function formatTranscript(entries: Named[], timeZone: string): string {
  return entries.map((entry) => `${stamp(entry.at, timeZone)}  ${sentence(entry)}\n`).join('')
}

const stamp = (at: string, timeZone: string) => {
  const local = Temporal.Instant.from(at).toZonedDateTimeISO(timeZone)
  const [date, time] = local.toPlainDateTime().toString({ smallestUnit: 'second' }).split('T')
  return `${date} ${time} ${local.offset.slice(0, 6)}`
}

/** What some program or other begins a new line at: https://www.unicode.org/reports/tr14/#BK */
const lineEnd = /\r\n|[\r\n\v\f\u0085\u2028\u2029]/g

function sentence(entry: Named): string {
  const text = words(entry).split(lineEnd).join('\n    ')
  return `${oneLine(entry.name)}: ${text}`
}

/** A name must not be able to forge a line of the transcript. */
const oneLine = (name: string) => name.replaceAll(lineEnd, ' ')

function words(entry: Named): string {
  switch (entry.kind) {
    case 'message':
      return entry.text ?? ''
    case 'file':
      return `(sent a file: ${entry.text ?? ''}${sizeOf(entry.data?.size)})`
    case 'joined':
      return '(joined)'
    case 'warning':
      return '(the chat ends soon if nobody writes)'
    case 'ended':
      return endings[String(entry.data?.reason)] ?? '(the chat ended)'
    case 'calendar_shared':
    case 'meeting_booked':
    case 'handed_over':
      return entry.text ?? `(${entry.kind.replace('_', ' ')})`
    default:
      return entry.kind satisfies never
  }
}

const sizeOf = (bytes: unknown) =>
  typeof bytes === 'number' ? `, ${Math.ceil(bytes / 1024).toLocaleString('en')} KB` : ''

const endings: Record<string, string> = {
  agent: '(ended the chat)',
  visitor: '(ended the chat)',
  timeout: '(the chat ended because nobody wrote)',
  no_answer: '(nobody could take the chat)',
  nobody_available: '(nobody was available)',
  visitor_left: '(the visitor left)',
  cancelled: '(the visitor cancelled)',
  left_message: '(a message was left)',
}

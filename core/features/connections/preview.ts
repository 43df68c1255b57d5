import { sql } from 'kysely'
import type { z } from 'zod'
import type {
  CrmWrite,
  LoggedConversation,
  LoggedMeeting,
  NewPerson,
  PersonField,
} from '#connectors/sdk/crm.ts'
import type { WritePreview } from '../../contracts/connections.ts'
import { NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { describeChat } from '../write-back/chat.ts'
import { record } from './record.ts'
import { type ConnectionRow, findConnection, setPreviewed } from './repository.ts'
import { statusInCrm } from './statuses.ts'

type Preview = z.output<typeof WritePreview>

const kinds = {
  createPerson: 'create_person',
  updatePerson: 'update_person',
  logConversation: 'log_conversation',
  logMeeting: 'log_meeting',
} as const

/** What would be written for the newest finished chat, in words, by the rules as they are now; sends nothing. Having
 *  looked at it, an admin may turn writing on. */
export async function previewWrites(services: Services, actorId: string, id: string): Promise<Preview> {
  const { db, clock } = services
  const row = await findConnection(db, id)
  const crm = row && services.connectors.get(row.connector)?.crm
  if (!row || row.state === 'disconnected' || !crm) throw new NotFoundError('CRM connection')
  const real = await newestChat(services)
  const { person, conversation } = real ?? madeUp(services, clock.now())
  const type = crm.personTypes[0]?.type ?? ''
  const writes = writesOf(row, type, person, { conversation, meeting: exampleMeeting(clock.now()) })
  const previewedAt = clock.now()
  await change(services, async ({ tx, now }) => {
    await setPreviewed(tx, id, previewedAt)
    await record(tx, now, actorId, 'connection.previewed', id)
  })
  return {
    isSample: real === null,
    previewedAt: previewedAt.toISOString(),
    writes: writes.map((write) => {
      const { record, values } = crm.previewOf(write, row.mapping, row.description)
      return { kind: kinds[write.type], record, values }
    }),
  }
}

type Values = Partial<Record<PersonField, string>>

function writesOf(
  row: ConnectionRow,
  firstType: string,
  given: Values,
  { conversation, meeting }: { conversation: LoggedConversation; meeting: LoggedMeeting },
): CrmWrite[] {
  const { writeBack, id } = row
  const { create, directions } = writeBack
  const allowed = (texts: Values) =>
    Object.fromEntries(
      Object.entries(texts).filter(([field]) => (directions[field as PersonField] ?? 'both') === 'both'),
    ) as Values
  const values = allowed(given)
  const type = create.type ?? firstType
  const status = create.status === null ? {} : { crmStatus: statusInCrm(row, type, create.status) }
  const person: NewPerson = {
    key: `foyer-preview-${id}`,
    values: { ...values, ...allowed(status) },
    fixed: create.fixed,
    type,
    ownerId: create.owner.by === 'user' ? create.owner.id : null,
  }
  const writes: CrmWrite[] = []
  if (create.on) writes.push({ type: 'createPerson', person })
  if (writeBack.fillEmpty)
    writes.push({
      type: 'updatePerson',
      ref: { type, id: '' },
      change: { key: person.key, values: {}, onlyEmpty: values },
    })
  if (writeBack.conversations) writes.push({ type: 'logConversation', conversation })
  if (writeBack.meetings) writes.push({ type: 'logMeeting', meeting })
  return writes
}

interface Sample {
  person: Values
  conversation: LoggedConversation
}

async function newestChat(services: Services): Promise<Sample | null> {
  const { rows } = await sql<{ id: string; values: Partial<Record<PersonField, string | null>> }>`
    select c.id, jsonb_build_object('name', v.name, 'jobTitle', v.job_title, 'email', v.email, 'phone', v.phone,
      'company', v.company) || v.corrections as values
    from conversations c join visitors v on v.id = c.visitor_id
    where c.status = 'ended' and v.email is not null
    order by c.ended_at desc, c.id desc limit 1`.execute(services.db)
  const [row] = rows
  if (!row) return null
  const chat = await describeChat(services, row.id)
  if (!chat) return null
  return {
    person: Object.fromEntries(Object.entries(row.values).filter(([, value]) => value)) as Values,
    conversation: {
      key: `foyer-chat-${row.id}`,
      knownId: null,
      mayExist: false,
      ownerId: null,
      ...chat,
    },
  }
}

function exampleMeeting(now: Date): LoggedMeeting {
  const start = new Date(now.getTime() + 86_400_000)
  return {
    key: 'foyer-meeting-example',
    knownId: null,
    mayExist: false,
    title: 'Meeting',
    start,
    end: new Date(start.getTime() + 1_800_000),
    body: 'Booked in the chat.',
    location: null,
    state: 'booked',
    ownerId: null,
  }
}

function madeUp({ config }: Services, now: Date): Sample {
  return {
    person: {
      name: 'Ada Example',
      jobTitle: 'Head of Examples',
      email: 'ada@example.com',
      phone: '+44 20 7946 0000',
      company: 'Example Ltd',
    },
    conversation: {
      key: 'foyer-chat-example',
      knownId: null,
      mayExist: false,
      subject: 'Chat',
      startedAt: new Date(now.getTime() - 600_000),
      endedAt: now,
      transcript: 'Ada Example: Do you deliver to London?\nDana: We do.\n',
      outcome: 'Qualified',
      agentName: 'Dana',
      ownerId: null,
      link: `${config.publicUrl ?? ''}/inbox`,
    },
  }
}

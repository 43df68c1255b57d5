import { sql } from 'kysely'
import { change, type Services } from '../../services.ts'
import { queueMail } from '../mail/mail.ts'

/** Out of booking at once, and the agent is mailed: once, however often it is noticed until it is repaired.
 *  @param reason a sentence: what happened and what to do */
export async function breakCalendar(services: Services, agentId: string, reason: string): Promise<void> {
  await change(services, async ({ tx, now, after }) => {
    const { rows } = await sql<{ email: string; name: string; active: boolean; calendar: string | null }>`
      update calendars c set state = 'broken', broken_because = ${reason}, broken_at = ${now}, changed_at = ${now}
      from agents a
      where c.agent_id = ${agentId} and a.id = c.agent_id and c.state <> 'broken'
      returning a.email, a.name, a.active, c.name as calendar`.execute(tx)
    const [agent] = rows
    if (!agent?.active) return
    await queueMail(tx, services.clock, {
      to: { address: agent.email, name: agent.name },
      subject: 'Nobody can book a meeting with you: your calendar',
      text: letter(agent.calendar, reason, services.config.publicUrl),
    })
    after(services.wakeJobs)
  })
}

const letter = (calendar: string | null, reason: string, publicUrl: string | null) =>
  `${[
    `Foyer cannot work with your calendar${calendar ? ` “${calendar}”` : ''} any more:`,
    reason,
    'Until it is repaired, nobody can book a meeting with you. Meetings there are stay as they are.',
    ...(publicUrl ? [`Repair it here: ${publicUrl}/inbox/settings/my-calendar`] : []),
  ].join('\n\n')}\n`

/** Whoever noticed that a connection is broken (a probe, a booking, a renewal of its token), its calendar follows. */
export async function followBrokenConnections(services: Services): Promise<void> {
  const { rows } = await sql<{ agentId: string; reason: string | null }>`
    select c.agent_id, n.state_reason as reason from calendars c join connections n on n.id = c.connection_id
    where n.state = 'broken' and c.state <> 'broken'`.execute(services.db)
  for (const { agentId, reason } of rows)
    await breakCalendar(
      services,
      agentId,
      reason ?? 'The provider does not accept our access any more. Connect again.',
    )
}

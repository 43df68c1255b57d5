import { sql } from 'kysely'
import { mailBatch } from '../../contracts/jobs.ts'
import type { Tx } from '../../db/pool.ts'
import type { Change, Services } from '../../services.ts'
import { canMail } from '../conversations/letters.ts'
import { enqueue } from '../outbox/outbox.ts'
import { queueMail } from './mail.ts'
import { missedMail, noticesOfFailures, noticesOfMissed } from './notices.ts'

/** One mail for all that happens within this time, from the first of it on. */
export const batchMs = 15 * 60_000

/** A request was missed: those who were asked, and those who want to hear of every one, read of it in their next mail.
 *  In the transaction that gives the request up. Without a mail server nobody is promised anything. */
export async function noteMissed(services: Services, change: Change, conversationId: string): Promise<void> {
  if (!canMail(services)) return
  const { tx, now } = change
  const { rows } = await sql<{ id: string }>`
    select a.id from agents a
    where a.active and ${missedMail(sql`a`)} <> 'none'
      and (${missedMail(sql`a`)} = 'all' or exists (
        select from offers o where o.conversation_id = ${conversationId} and o.agent_id = a.id))
    order by a.id`.execute(tx)
  const batches = await openBatches(services, { tx, now }, 'missed', rows)
  await sql`
    insert into mail_batch_items (batch_id, conversation_id, at)
    select id, ${conversationId}, ${now} from unnest(${batches}::uuid[]) as b (id)
    on conflict do nothing`.execute(tx)
  change.after(services.wakeJobs)
}

/** A job was given up: admins who want to know read of it in their next mail. A mail to one of Foyer's own people does
 *  not count, or a mail server that refuses would be told of its refusals for ever. */
export async function noteFailure(
  services: Pick<Services, 'config' | 'clock'>,
  tx: Tx,
  job: { id: number; task: string; payload: unknown },
): Promise<void> {
  if (!canMail(services) || job.task === 'send-push') return
  const now = services.clock.now()
  if (job.task === 'send-mail') {
    const { rows } = await sql`
      select from mails m join agents a on a.email = m.to_address
      where m.id::text = ${(job.payload as { mailId?: string }).mailId ?? ''}`.execute(tx)
    if (rows.length > 0) return
  }
  const { rows } = await sql<{ id: string }>`
    select a.id from agents a
    where a.active and a.profile = 'admin' and coalesce((a.preferences ->> 'failureMail')::boolean, true) order by a.id`.execute(
    tx,
  )
  const batches = await openBatches(services, { tx, now }, 'failures', rows)
  await sql`
    insert into mail_batch_items (batch_id, job_id, task, at)
    select id, ${job.id}, ${job.task}, ${now} from unnest(${batches}::uuid[]) as b (id)
    on conflict do nothing`.execute(tx)
}

/** Writes the mail of a batch whose time has come. Run again it does nothing. */
export async function mailDueBatch(services: Services, tx: Tx, batchId: string): Promise<void> {
  const { clock } = services
  const now = clock.now()
  const { rows } = await sql<{ kind: 'missed' | 'failures'; email: string; name: string; active: boolean }>`
    select b.kind, a.email, a.name, a.active from mail_batches b join agents a on a.id = b.agent_id
    where b.id = ${batchId} and b.closed_at is null and b.due_at <= ${now} for update of b`.execute(tx)
  const batch = rows[0]
  if (!batch) return
  await sql`update mail_batches set closed_at = ${now} where id = ${batchId}`.execute(tx)
  if (!batch.active) return
  const mail =
    batch.kind === 'missed'
      ? await noticesOfMissed(tx, batchId, services.config.publicUrl)
      : await noticesOfFailures(tx, batchId, services.config.publicUrl)
  if (!mail) return
  const mailId = await queueMail(tx, clock, { ...mail, to: { address: batch.email, name: batch.name } })
  await sql`update mail_batches set mail_id = ${mailId} where id = ${batchId}`.execute(tx)
}

/** Mails that told agents of these chats go, sent or not, with what they say of others: those stay among the missed. */
export async function forgetNotices(tx: Tx, conversationIds: string[]): Promise<void> {
  await sql`
    delete from mails where id in (
      select b.mail_id from mail_batches b join mail_batch_items i on i.batch_id = b.id
      where i.conversation_id = any (${conversationIds}::uuid[]))`.execute(tx)
}

/** The open batch of each of them; one that has to be made is due in a while, and the job that sends it is promised. */
async function openBatches(
  { clock }: Pick<Services, 'clock'>,
  { tx, now }: Pick<Change, 'tx' | 'now'>,
  kind: 'missed' | 'failures',
  agents: { id: string }[],
): Promise<string[]> {
  if (agents.length === 0) return []
  const ids = agents.map(({ id }) => id)
  const dueAt = new Date(now.getTime() + batchMs)
  const made = await sql<{ id: string }>`
    insert into mail_batches (id, agent_id, kind, due_at)
    select gen_random_uuid(), agent_id, ${kind}, ${dueAt} from unnest(${ids}::uuid[]) as a (agent_id)
    on conflict (agent_id, kind) where closed_at is null do nothing
    returning id`.execute(tx)
  for (const { id } of made.rows)
    await enqueue(tx, clock, { task: mailBatch, payload: { batchId: id }, runAt: dueAt })
  const { rows } = await sql<{ id: string }>`
    select id from mail_batches
    where agent_id = any (${ids}::uuid[]) and kind = ${kind} and closed_at is null`.execute(tx)
  return rows.map(({ id }) => id)
}

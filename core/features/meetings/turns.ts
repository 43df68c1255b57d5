import { sql } from 'kysely'
import type { Tx } from '../../db/pool.ts'
import { RateLimitedError } from '../../errors.ts'
import { sealingOf } from '../../sealing.ts'
import type { Change, Services } from '../../services.ts'
import { dayMs } from '../availability/zone.ts'

/**
 * Bookings and guests' moves in a day: under one e-mail address, with whomever, since each mails an address that anybody may have typed;
 * and from one network with one agent, since each mails that agent. Whatever became of the meetings.
 */
const mostADay = 20

/** Whose booking or move it is. */
export interface Guest {
  email: string
  agentId: string
  /** As `countedAs` gives it; null: one's own, by which nobody can be told from others. */
  network: string | null
}

export interface TooOften {
  why: 'too_often'
  of: 'email' | 'network'
  /** After so long there is a turn again. */
  waitMs: number
}

/** So that two at once count each other. Before any conversation is locked and any time is taken, the address before the network: then
 *  nobody waits in a circle. */
export async function lockNetwork(tx: Tx, { network, agentId }: Omit<Guest, 'email'>): Promise<void> {
  if (network === null) return
  await sql`select pg_advisory_xact_lock(hashtextextended(${`bookings from ${network} with ${agentId}`}, 0))`.execute(
    tx,
  )
}

/** Takes one of the day's turns, under the locks of the address and the network. @returns why there is none */
export async function takeTurn(
  services: Pick<Services, 'config'>,
  { tx, now }: Pick<Change, 'tx' | 'now'>,
  { email, agentId, network }: Guest,
): Promise<TooOften | null> {
  const ofEmail = keyOf(services, 'email', email)
  const keys = network === null ? [ofEmail] : [ofEmail, keyOf(services, 'network', `${network} ${agentId}`)]
  const dayAgo = new Date(now.getTime() - dayMs)
  const { rows } = await sql<{ key: string; freeAgain: Date }>`
    with used_up as (
      select k.key, t.at as free_again from unnest(${keys}::text[]) k (key), lateral (
        select at from booking_turns where key = k.key and at > ${dayAgo}
        order by at desc offset ${mostADay - 1} limit 1) t
    ), taken as (
      insert into booking_turns (key, at)
      select key, ${now} from unnest(${keys}::text[]) k (key) where not exists (select from used_up)
    )
    select key, free_again from used_up order by key = ${ofEmail} desc`.execute(tx)
  const [row] = rows
  return row
    ? {
        why: 'too_often',
        of: row.key === ofEmail ? 'email' : 'network',
        waitMs: row.freeAgain.getTime() - dayAgo.getTime(),
      }
    : null
}

/** Neither address is kept, but what only this Foyer can make of it. */
const keyOf = (services: Pick<Services, 'config'>, of: TooOften['of'], value: string) =>
  sealingOf(services).tokenFor(`booking turn of ${of}`, value)

const sentences: Record<TooOften['of'], string> = {
  email: 'Many meetings were booked or moved with this e-mail address today. Try again tomorrow.',
  network: 'Many meetings were booked or moved from your network today. Try again tomorrow.',
}

export const tooOftenError = ({ of, waitMs }: TooOften) => new RateLimitedError(sentences[of], waitMs)

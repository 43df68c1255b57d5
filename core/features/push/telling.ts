import { type RawBuilder, sql } from 'kysely'
import type { z } from 'zod'
import type { PushPayload, PushVerdict } from '../../contracts/push.ts'
import type { Db } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { sealingOf } from '../../sealing.ts'
import type { Services } from '../../services.ts'
import { sameToken } from '../sign-in/tokens.ts'
import { joinKnown, knownField } from '../visitors/known.ts'
import { hasUnread } from './pushes.ts'
import { words } from './words.ts'

/** One notification with all that decides what it may say at this moment. */
export interface Telling {
  id: string
  kind: PushPayload['kind']
  subscriptionId: string
  endpoint: string
  p256dh: string
  auth: string
  goneAt: Date | null
  expiresAt: Date
  offerId: string | null
  conversationId: string | null
  /** Whether the session that the device was last seen with still opens anything. */
  isSignedIn: boolean
  /** Whether what it tells is still so. */
  holds: boolean
  name: string | null
  company: string | null
  text: string | null
  agentId: string
  /** Open chats of the agent's, where it is about those. */
  chats: number
  /** One place in the push service's queue: a later notification with the same takes it. RFC 8030, 5.4 */
  topic: string | null
  /** Notifications of one offer or chat go to one device in this order. */
  orderKey: string
}

const mostText = 200

/** @returns undefined when the device was removed, or what it tells is no more. */
export async function tellingOf(db: Db, now: Date, pushId: string): Promise<Telling | undefined> {
  const { rows } = await sql<Omit<Telling, 'topic' | 'orderKey'>>`
    select p.id, p.kind, s.id as subscription_id, s.endpoint, s.p256dh, s.auth, s.gone_at, p.expires_at, p.offer_id,
           p.conversation_id, p.agent_id, (
             select count(*) from conversations g
             where p.kind = 'gone' and g.agent_id = p.agent_id and g.status = 'active') as chats,
           ${isSignedIn(now)} as is_signed_in, ${holds(now)} as holds,
           known.name, known.company,
           left(case when p.kind = 'message' then c.last_text else c.first_text end, ${mostText}) as text
    from pushes p
    join push_subscriptions s on s.id = p.subscription_id
    join agents a on a.id = p.agent_id
    left join offers o on o.id = p.offer_id
    left join conversations c on c.id = coalesce(p.conversation_id, (
      select g.id from conversations g
      where p.kind = 'gone' and g.agent_id = p.agent_id and g.status = 'active' order by g.requested_at limit 1))
    -- a scope of its own: p is the notification here, and the person there
    left join lateral (
      select ${knownField('name')} as name, ${knownField('company')} as company
      from visitors v ${joinKnown} where v.id = c.visitor_id) known on true
    where p.id = ${pushId} and p.state = 'waiting'`.execute(db)
  const row = rows[0]
  if (!row) return undefined
  const about = row.offerId ?? row.conversationId ?? (row.kind === 'gone' ? row.agentId : null)
  return {
    ...row,
    topic: about?.replaceAll('-', '') ?? null,
    orderKey: about
      ? `push ${row.kind === 'gone' ? 'gone' : about} ${row.subscriptionId}`
      : `push test ${row.subscriptionId}`,
  }
}

/** What goes to the device, encrypted for it. Signed out there, it names nobody. */
export function payloadOf(services: Services, telling: Telling): PushPayload {
  const { kind, isSignedIn } = telling
  const plainTitle = plainTitles[kind]
  const said = isSignedIn ? wordsOf(telling) : { title: plainTitle, body: '' }
  return {
    kind,
    tag: telling.offerId
      ? `offer ${telling.offerId}`
      : telling.conversationId
        ? `chat ${telling.conversationId}`
        : kind,
    token: receiptTokenOf(services, telling.id),
    ...said,
    plainTitle,
    url: telling.offerId
      ? `/inbox/?offer=${telling.offerId}`
      : telling.conversationId
        ? `/inbox/c/${telling.conversationId}`
        : kind === 'gone'
          ? '/inbox/'
          : '/inbox/settings/notifications',
    expiresAt: telling.expiresAt.toISOString(),
  }
}

const plainTitles: Record<PushPayload['kind'], string> = {
  offer: words.waiting,
  message: words.waiting,
  gone: words.goneSignedOut,
  close: words.over,
  test: words.test,
}

function wordsOf({ kind, name, company, text, chats }: Telling): { title: string; body: string } {
  const who = [name ?? words.visitor, company].filter(Boolean).join(', ')
  switch (kind) {
    case 'offer':
      return { title: words.offer(who), body: text ?? '' }
    case 'message':
      return { title: words.message(who), body: text ?? '' }
    case 'gone':
      return { title: words.gone(who, chats), body: words.goneBody }
    case 'close':
      return { title: words.over, body: '' }
    case 'test':
      return { title: words.test, body: words.testBody }
    default:
      return kind satisfies never
  }
}

/** Names a push to whoever was handed it, and to nobody else. */
export const receiptTokenOf = (services: Pick<Services, 'config'>, pushId: string): string =>
  `${pushId}.${sealingOf(services).tokenFor('push receipt', pushId)}`

/**
 * The device has received, shown, or somebody has clicked, what this token came with; a session is not asked for.
 * @returns what may be shown there now: nothing once it is over, no names where the agent has been signed out since.
 * @throws {NotFoundError} nobody was ever handed this token
 */
export async function takeReceipt(
  services: Services,
  { token, event }: { token: string; event: 'received' | 'shown' | 'clicked' },
): Promise<z.infer<typeof PushVerdict>> {
  const { db, clock } = services
  const now = clock.now()
  const id = token.split('.', 1)[0] ?? ''
  if (!/^[0-9a-f-]{36}$/.test(id) || !sameToken(token, receiptTokenOf(services, id)))
    throw new NotFoundError('notification')
  const shown = event === 'received' ? null : now
  const clicked = event === 'clicked' ? now : null
  // a device may answer before the push service has
  const { rows } = await sql<{ kind: string; isSignedIn: boolean; holds: boolean }>`
    with push as (
      update pushes set shown_at = coalesce(shown_at, ${shown}), clicked_at = coalesce(clicked_at, ${clicked})
      where id = ${id} returning *
    ), device as (
      update push_subscriptions s set shown_at = coalesce(${shown}, s.shown_at), clicked_at = coalesce(${clicked}, s.clicked_at)
      from push where s.id = push.subscription_id
    )
    select p.kind, ${isSignedIn(now)} as is_signed_in, ${holds(now)} as holds
    from push p
    join agents a on a.id = p.agent_id
    left join push_subscriptions s on s.id = p.subscription_id
    left join offers o on o.id = p.offer_id
    left join conversations c on c.id = p.conversation_id`.execute(db)
  const row = rows[0]
  if (!row) throw new NotFoundError('notification')
  if (!row.holds || row.kind === 'close') return { show: 'nothing' }
  return { show: row.isSignedIn ? 'everything' : 'no_names' }
}

/** Over `p` (pushes) and `s` (its subscription): whether that browser's sign-in still opens anything. */
const isSignedIn = (now: Date): RawBuilder<boolean> => sql<boolean>`exists (
  select from sessions x
  where x.token_hash = s.session_hash and x.agent_id = p.agent_id and x.expires_at > ${now})`

/** Over `p`, `s`, `a` (its agent), `o` (its offer) and `c` (its conversation): whether it tells something that is so, to
 *  whom it concerns. A device may have become somebody else's. */
const holds = (now: Date): RawBuilder<boolean> => sql<boolean>`coalesce(
  s.agent_id = p.agent_id and a.active and p.expires_at > ${now} and case p.kind
    when 'offer' then o.state = 'pending'
    when 'message' then c.status = 'active' and c.agent_id = p.agent_id and ${hasUnread(sql`c`)}
    when 'gone' then a.gone_since = p.gone_since and exists (
      select from conversations g where g.agent_id = p.agent_id and g.status = 'active')
    else true
  end, false)`

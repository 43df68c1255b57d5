import { sql } from 'kysely'
import type { Profile } from '../../contracts/agents.ts'
import type { Db, Tx } from '../../db/pool.ts'
import type { Change, Services } from '../../services.ts'
import { permissionsOfAgent } from '../agents/permissions.ts'
import type { Viewer } from '../conversations/visibility.ts'
import { hashToken, newToken } from './tokens.ts'

export const sessionCookie = 'foyer_session'
const sessionMs = 14 * 24 * 60 * 60_000

/** The signed-in agent of a request or socket. */
export interface SignedIn extends Viewer {
  email: string
  name: string
  profile: Profile
  supervises: boolean
  /** Identifies the session without being able to open it. */
  sessionHash: Buffer
}

export async function openSession(
  tx: Tx,
  now: Date,
  agentId: string,
  from: { address: string; userAgent: string | undefined },
): Promise<{ token: string; expiresAt: Date }> {
  const token = newToken()
  const expiresAt = new Date(now.getTime() + sessionMs)
  // those that ran out say where and with what somebody signed in, and open nothing any more
  await sql`delete from sessions where agent_id = ${agentId} and expires_at <= ${now}`.execute(tx)
  await sql`
    insert into sessions (token_hash, agent_id, created_at, expires_at, address, user_agent)
    values (${hashToken(token)}, ${agentId}, ${now}, ${expiresAt}, ${from.address},
            ${from.userAgent?.replaceAll('\0', '').slice(0, 300) ?? null})`.execute(tx)
  return { token, expiresAt }
}

/** @returns null for a token that opens nothing: unknown, expired, revoked, or of a deactivated agent. */
export async function findSession(db: Db, now: Date, token: string): Promise<SignedIn | null> {
  const hash = hashToken(token)
  const { rows } = await sql<Omit<SignedIn, 'permissions' | 'sessionHash'>>`
    select a.id, a.email, a.name, a.profile, a.supervises from sessions s join agents a on a.id = s.agent_id
    where s.token_hash = ${hash} and s.expires_at > ${now} and a.active`.execute(db)
  const row = rows[0]
  return row ? { ...row, permissions: new Set(permissionsOfAgent(row)), sessionHash: hash } : null
}

/** Which of these sessions still open something, and what their agents are. Sockets ask every few seconds, so that revocation reaches them. */
export async function liveSessions(
  db: Db,
  now: Date,
  hashes: Buffer[],
): Promise<Map<string, Pick<SignedIn, 'profile' | 'supervises'>>> {
  const { rows } = await sql<{ hash: string; profile: Profile; supervises: boolean }>`
    select encode(s.token_hash, 'hex') as hash, a.profile, a.supervises from sessions s join agents a on a.id = s.agent_id
    where s.token_hash = any (${hashes}) and s.expires_at > ${now} and a.active`.execute(db)
  return new Map(rows.map(({ hash, ...agent }) => [hash, agent]))
}

/** Ends one session, or all of an agent's, with the change that asks for it; open sockets are told after the commit,
 *  and would find out by themselves. */
export async function revoke(
  { tx, after }: Change,
  { bus }: Services,
  which: { sessionHash: Buffer } | { agentId: string },
): Promise<void> {
  if ('sessionHash' in which)
    await sql`delete from sessions where token_hash = ${which.sessionHash}`.execute(tx)
  else await sql`delete from sessions where agent_id = ${which.agentId}`.execute(tx)
  after(() => bus.publish('control', JSON.stringify({ type: 'sessions_changed' })))
}

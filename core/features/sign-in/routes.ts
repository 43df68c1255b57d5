import { hash, verify } from '@node-rs/argon2'
import type { FastifyRequest } from 'fastify'
import { sql } from 'kysely'
import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Me, Preferences, type Profile, SignIn } from '../../contracts/agents.ts'
import { FoyerError } from '../../errors.ts'
import { countedAs } from '../../plugins/addresses.ts'
import { callLimit } from '../../plugins/call-limits.ts'
import { refuseForeignPages } from '../../plugins/sign-in.ts'
import { change } from '../../services.ts'
import { describeMe } from './me.ts'
import { openSession, revoke, sessionCookie } from './sessions.ts'
import { newToken } from './tokens.ts'

/** A hash of nothing anybody knows: checking it makes an unknown address cost as much time as a wrong password. */
const nobodysHash = hash(newToken())

export async function signInRoutes(app: Api): Promise<void> {
  const { services } = app

  app.post(
    '/sign-in',
    {
      schema: { body: SignIn, response: { 200: Me } },
      config: { access: 'public', counted: true },
      preHandler: guessingLimits(app),
    },
    async (request, reply) => {
      refuseForeignPages(request, services.config)
      const { rows } = await sql<{ id: string; passwordHash: string | null }>`
        select id, password_hash from agents where email = ${addressOf(request.body.email)} and active`.execute(
        services.db,
      )
      const agent = rows[0]
      const right = await verify(agent?.passwordHash ?? (await nobodysHash), request.body.password).catch(
        () => false,
      )
      if (!agent || !right) throw wrongCredentials()
      const { token, expiresAt } = await services.db.transaction().execute(async (tx) => {
        // a password that is being changed ends every session, and must not leave behind one that it opened
        const { rows: same } = await sql`
          select from agents where id = ${agent.id} and active and password_hash = ${agent.passwordHash} for share`.execute(
          tx,
        )
        if (same.length === 0) throw wrongCredentials()
        return openSession(tx, services.clock.now(), agent.id, {
          address: request.ip,
          userAgent: request.headers['user-agent'],
        })
      })
      setSessionCookie(reply, token, expiresAt, isSecure(request, services.config))
      return describeMe(services, agent.id, token)
    },
  )

  app.post(
    '/sign-out',
    { preHandler: app.requires(), config: { access: 'agent' }, schema: { response: { 204: z.null() } } },
    async (request, reply) => {
      const { sessionHash } = request.agent
      await change(services, (change) => revoke(change, services, { sessionHash }))
      reply.clearCookie(sessionCookie, { path: '/' })
      return reply.status(204).send(null)
    },
  )

  app.get(
    '/me',
    { preHandler: app.requires(), config: { access: 'agent' }, schema: { response: { 200: Me } } },
    async (request) => describeMe(services, request.agent.id, request.cookies[sessionCookie] ?? ''),
  )

  app.put(
    '/me/preferences',
    {
      preHandler: app.requires(),
      config: { access: 'agent' },
      schema: { body: Preferences.partial(), response: { 200: Preferences } },
    },
    async (request) => {
      const { rows } = await sql<{ preferences: unknown }>`
        update agents set preferences = preferences || ${JSON.stringify(request.body)}::jsonb
        where id = ${request.agent.id} returning preferences`.execute(services.db)
      return readPreferences(rows[0]?.preferences, request.agent.profile)
    },
  )
}

const wrongCredentials = () =>
  new FoyerError(401, 'wrong_credentials', 'This e-mail address and password do not belong together.')

/** However it is typed, it is one account. */
const addressOf = (email: string) => email.replaceAll('\0', '').trim().toLowerCase()

/** Slows guessing one account from one place, many accounts from one place, and one account from many places. What one
 *  limit refuses counts for none of the others, so that one place cannot keep an agent out everywhere else. */
function guessingLimits(app: Api): (request: FastifyRequest) => Promise<void> {
  const limit = (name: string, max: number, of: (request: FastifyRequest) => string) => {
    const take = callLimit(app, `sign-in ${name}`, { max, timeWindowMs: 60_000 })
    return (request: FastifyRequest) => take(request, of(request))
  }
  const account = ({ body }: FastifyRequest) => addressOf((body as z.output<typeof SignIn>).email)
  const inOrder = [
    limit('account from address', 10, (request) => `${countedAs(request.ip)} ${account(request)}`),
    limit('address', 120, ({ ip }) => countedAs(ip)),
    limit('account', 100, account),
  ]
  return async (request) => {
    for (const take of inOrder) await take(request)
  }
}

/** As stored, and what holds where nothing is: admins hear of every missed chat. */
export const readPreferences = (stored: unknown, profile: Profile): Preferences => {
  const { missedMail, ...preferences } = StoredPreferences.parse(stored ?? {})
  return { ...preferences, missedMail: missedMail ?? (profile === 'admin' ? 'all' : 'asked') }
}

const StoredPreferences = z.object({
  theme: Preferences.shape.theme.catch('system').default('system'),
  singleKeys: z.boolean().catch(true).default(true),
  sounds: z.boolean().catch(true).default(true),
  missedMail: Preferences.shape.missedMail.optional().catch(undefined),
  failureMail: z.boolean().catch(true).default(true),
})

/** Whether people reach Foyer over TLS: told by a trusted proxy, or by the address they were given. */
export const isSecure = (request: FastifyRequest, { publicUrl }: { publicUrl: string | null }): boolean =>
  request.protocol === 'https' || (publicUrl?.startsWith('https:') ?? false)

interface CookieSetter {
  setCookie(name: string, value: string, options: Record<string, unknown>): unknown
}

export function setSessionCookie(reply: CookieSetter, token: string, expires: Date, secure: boolean): void {
  reply.setCookie(sessionCookie, token, { path: '/', httpOnly: true, sameSite: 'lax', secure, expires })
}

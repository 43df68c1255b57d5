import { hash, verify } from '@node-rs/argon2'
import { sql } from 'kysely'
import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Me, Preferences, SignIn } from '../../contracts/agents.ts'
import { FoyerError } from '../../errors.ts'
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
      config: {
        access: 'public',
        rateLimit: {
          max: 10,
          timeWindow: 60_000,
          // guessing one account from many addresses and many accounts from one address are both slowed
          keyGenerator: (request) =>
            `sign-in:${request.ip}:${String((request.body as SignInBody)?.email).toLowerCase()}`,
          hook: 'preHandler',
        },
      },
    },
    async (request, reply) => {
      refuseForeignPages(request, services.config)
      const { rows } = await sql<{ id: string; passwordHash: string | null }>`
        select id, password_hash from agents where email = ${request.body.email.trim().toLowerCase().replaceAll('\0', '')} and active`.execute(
        services.db,
      )
      const agent = rows[0]
      const right = await verify(agent?.passwordHash ?? (await nobodysHash), request.body.password).catch(
        () => false,
      )
      if (!agent || !right)
        throw new FoyerError(
          401,
          'wrong_credentials',
          'This e-mail address and password do not belong together.',
        )
      const { token, expiresAt } = await services.db.transaction().execute((tx) =>
        openSession(tx, services.clock.now(), agent.id, {
          address: request.ip,
          userAgent: request.headers['user-agent'],
        }),
      )
      setSessionCookie(reply, token, expiresAt, request.protocol === 'https')
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
      return StoredPreferences.parse(rows[0]?.preferences ?? {})
    },
  )
}

type SignInBody = { email?: unknown } | null

export const StoredPreferences = z.object({
  theme: Preferences.shape.theme.catch('system').default('system'),
  singleKeys: z.boolean().catch(true).default(true),
  sounds: z.boolean().catch(true).default(true),
})

interface CookieSetter {
  setCookie(name: string, value: string, options: Record<string, unknown>): unknown
}

export function setSessionCookie(reply: CookieSetter, token: string, expires: Date, secure: boolean): void {
  reply.setCookie(sessionCookie, token, { path: '/', httpOnly: true, sameSite: 'lax', secure, expires })
}

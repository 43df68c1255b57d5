import type { FastifyRequest } from 'fastify'
import { sql } from 'kysely'
import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import { ReadEntries, SendMessage, SentMessage } from '../../contracts/conversations.ts'
import type { SiteSettings } from '../../contracts/sites.ts'
import {
  LauncherConfig,
  LeaveMessage,
  OpenSession,
  StartConversation,
  type VisitorFields,
  WidgetConversation,
  WidgetConversationList,
  WidgetEntries,
  WidgetSession,
} from '../../contracts/widget.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import { InvalidInputError, NotFoundError, NotSignedInError, RateLimitedError } from '../../errors.ts'
import { countedAs } from '../../plugins/addresses.ts'
import { beginnings } from '../../plugins/call-limits.ts'
import { endByVisitor } from '../conversations/endings.ts'
import { readEntries } from '../conversations/entries.ts'
import { forVisitor, listForVisitor } from '../conversations/for-visitor.ts'
import { leaveMessage, requestConversation } from '../conversations/requests.ts'
import { say } from '../conversations/service.ts'
import { visitorFileRoutes } from '../files/routes.ts'
import { findSiteByKey, findSiteOf } from '../sites/repository.ts'
import { notAcceptedError } from './consent.ts'
import { openVisitorSession } from './session.ts'
import { endVisitorSession, findVisitor, type KnownVisitor } from './tokens.ts'
import { ownConversation } from './visitor.ts'

const ConversationId = z.object({ id: Id })

/** The visitor's side. Cookies mean nothing here: a bearer token says who it is. */
export async function widgetRoutes(app: Api): Promise<void> {
  const { services } = app
  const { db, clock } = services

  const visitors = new WeakMap<FastifyRequest, KnownVisitor>()
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.access !== 'visitor') return
    const token = bearerOf(request)
    const visitor = token ? await findVisitor(services, db, token) : null
    if (!visitor) throw strangerError()
    visitors.set(request, visitor)
    await noteSignOfLife(visitor.id)
  })
  const strangerError = () => new NotSignedInError('This visitor is not known here. Open the chat again.')
  const bearerOf = (request: FastifyRequest): string | undefined => {
    const [scheme, token] = (request.headers.authorization ?? '').split(' ')
    return scheme?.toLowerCase() === 'bearer' ? token : undefined
  }
  const visitorOf = (request: FastifyRequest): KnownVisitor => {
    const visitor = visitors.get(request)
    if (!visitor) throw strangerError()
    return visitor
  }
  const noteSignOfLife = async (visitorId: string) => {
    const now = clock.now()
    await sql`${plannedOnce}
      update conversations set visitor_seen_at = ${now}
      where visitor_id = ${visitorId} and status = 'waiting' and visitor_seen_at < ${new Date(now.getTime() - 5_000)}`.execute(
      db,
    )
  }
  const limit = (request: FastifyRequest, visitorId: string, kind: 'request' | 'read' = 'request') => {
    const waitMs = app.visitorLimits.take(visitorId, countedAs(request.ip), kind)
    if (waitMs <= 0) return
    const what = kind === 'read' ? 'This was asked for very often.' : 'You are writing very fast.'
    throw new RateLimitedError(`${what} Try again in a moment.`, waitMs)
  }

  app.get(
    '/widget/sites/:key',
    {
      schema: { params: z.object({ key: z.string().max(64) }), response: { 200: LauncherConfig } },
      config: { access: 'public', rateLimit: beginnings },
    },
    async ({ params }, reply) => {
      const site = await findSiteByKey(db, params.key)
      if (!site) throw new NotFoundError('site')
      // the same for everybody and without identifiers, so any page may read it
      reply.header('access-control-allow-origin', '*').header('cache-control', 'public, max-age=300')
      const { brandColour, position, launcherLabel, theme, greeting } = site.settings
      const poke =
        greeting.pokeAfterMs === null ? null : { text: greeting.text, afterMs: greeting.pokeAfterMs }
      return { brandColour, position, launcherLabel, theme, poke }
    },
  )

  app.post(
    '/widget/sessions',
    {
      schema: { body: OpenSession, response: { 200: WidgetSession } },
      config: {
        access: 'public',
        rateLimit: { max: services.settings.limits.sessionsPerMinute, timeWindow: 60_000 },
      },
    },
    async (request) => openVisitorSession(services, app.reachability, request.body),
  )

  app.post(
    '/widget/sessions/end',
    { schema: { response: { 204: z.null() } }, config: { access: 'visitor' } },
    async (request, reply) => {
      const visitor = visitorOf(request)
      limit(request, visitor.id, 'read')
      await endVisitorSession(services, visitor.id, bearerOf(request) ?? '')
      return reply.status(204).send(null)
    },
  )

  app.post(
    '/widget/conversations',
    {
      schema: { body: StartConversation, response: { 200: WidgetConversation, 201: WidgetConversation } },
      config: { access: 'visitor' },
    },
    async (request, reply) => {
      const visitor = visitorOf(request)
      limit(request, visitor.id)
      const { fields, text, clientId, page, consent } = request.body
      const { settings, asked } = await checkFields(visitor, fields)
      const accepted = acceptedNotice(settings, consent, asked)
      const { conversation, created } = await requestConversation(services, {
        siteId: visitor.siteId,
        visitorId: visitor.id,
        fields,
        text,
        clientId,
        page: page ? { url: page.url, title: page.title } : null,
        address: countedAs(request.ip),
        accepted,
      })
      return reply.status(created ? 201 : 200).send(conversation)
    },
  )

  app.get(
    '/widget/conversations',
    {
      schema: { response: { 200: WidgetConversationList } },
      config: { access: 'visitor' },
    },
    async (request) => {
      const visitor = visitorOf(request)
      limit(request, visitor.id, 'read')
      return { conversations: await listForVisitor(db, sql`c.visitor_id = ${visitor.id}`, 20) }
    },
  )

  app.get(
    '/widget/conversations/:id/messages',
    {
      schema: { params: ConversationId, querystring: ReadEntries, response: { 200: WidgetEntries } },
      config: { access: 'visitor' },
    },
    async (request) => {
      const visitor = visitorOf(request)
      limit(request, visitor.id, 'read')
      await ownConversation(db, visitor.id, request.params.id)
      return readEntries(db, request.params.id, request.query)
    },
  )

  app.post(
    '/widget/conversations/:id/messages',
    {
      schema: { params: ConversationId, body: SendMessage, response: { 200: SentMessage } },
      config: { access: 'visitor' },
    },
    async (request) => {
      const visitor = visitorOf(request)
      limit(request, visitor.id)
      return say(services, {
        conversationId: request.params.id,
        senderType: 'visitor',
        senderId: visitor.id,
        ...request.body,
      })
    },
  )

  app.post(
    '/widget/conversations/:id/end',
    {
      schema: { params: ConversationId, response: { 200: WidgetConversation } },
      config: { access: 'visitor' },
    },
    async (request) => {
      const visitor = visitorOf(request)
      limit(request, visitor.id, 'read')
      await endByVisitor(services, visitor.id, request.params.id)
      return forVisitor(db, request.params.id)
    },
  )

  await app.register((scope) =>
    visitorFileRoutes(scope as Api, {
      visitorOf,
      take: (request, kind) => limit(request, visitorOf(request).id, kind),
      addressOf: (request) => countedAs(request.ip),
    }),
  )

  app.post(
    '/widget/messages',
    { schema: { body: LeaveMessage, response: { 200: WidgetConversation } }, config: { access: 'visitor' } },
    async (request) => {
      const visitor = visitorOf(request)
      limit(request, visitor.id)
      const { consent, ...message } = request.body
      const { settings } = await checkFields(visitor, message.fields)
      const accepted = acceptedNotice(settings, consent, message.conversationId !== undefined)
      const address = countedAs(request.ip)
      return leaveMessage(services, visitor.id, visitor.siteId, { ...message, page: null, address, accepted })
    },
  )

  /** Required fields count as given when this visitor gave them before; one that is known is never refused for it.
   *  @returns whether this visitor has had a conversation before. */
  const checkFields = async (visitor: KnownVisitor, fields: VisitorFields) => {
    const site = await findSiteOf(db, visitor.siteId)
    if (!site) throw new NotFoundError('site')
    const { settings } = site
    const { rows } = await sql<Record<string, string | null> & { asked: boolean }>`${plannedOnce}
      select name, email, job_title, phone, company,
             exists (select from conversations where visitor_id = ${visitor.id}) as asked
      from visitors where id = ${visitor.id}`.execute(db)
    const known = rows[0]
    const missing = settings.fields.filter(
      ({ name, required }) => required && !fields[name] && !known?.[name],
    )
    if (missing.length > 0)
      throw new InvalidInputError(
        'Some fields are still empty.',
        missing.map(({ name }) => ({ field: `fields.${name}`, message: 'This is needed.' })),
      )
    return { settings, asked: known?.asked ?? false }
  }

  /** @returns the privacy notice that is accepted with it; null: none has to be, or it was before */
  const acceptedNotice = ({ privacy }: SiteSettings, ticked = false, before = false) => {
    if (!privacy.tick) return null
    if (!ticked && !before) throw notAcceptedError()
    return ticked ? privacy : null
  }
}

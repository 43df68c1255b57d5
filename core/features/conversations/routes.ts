import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import {
  Conversation,
  ConversationPage,
  EndConversation,
  EntryPage,
  ListConversations,
  MailedTranscript,
  Note,
  ReadEntries,
  ReplyByMail,
  SendMessage,
  SentMessage,
  SetOutcome,
  Transcript,
} from '../../contracts/conversations.ts'
import { callLimit, countAsSend } from '../../plugins/call-limits.ts'
import { readOrganisation } from '../organisation/settings.ts'
import { endByAgent } from './endings.ts'
import { readEntries, readNotes } from './entries.ts'
import { listConversations } from './list.ts'
import { claim, release, reply as replyByMail } from './missed.ts'
import { visibleSummary } from './repository.ts'
import { addNote, say, setOutcome } from './service.ts'
import { formatTranscript, mailTranscript, readTranscript } from './transcript.ts'
import { noteWatching } from './watching.ts'

const params = z.object({ id: Id })
const view = { config: { access: 'conversations.view' } } as const
const write = { config: { access: 'conversations.reply', counted: true } } as const
const reply = { config: { access: 'conversations.reply' } } as const

export async function conversationRoutes(app: Api): Promise<void> {
  const { services } = app
  const { db, clock } = services
  const mayView = app.requires('conversations.view')
  const mayReply = app.requires('conversations.reply')
  const mayWrite = [mayReply, countAsSend(app)]
  const takeTranscript = transcriptLimits(app)

  app.get(
    '/conversations',
    {
      ...view,
      preHandler: mayView,
      schema: { querystring: ListConversations, response: { 200: ConversationPage } },
    },
    async ({ query, agent }) => {
      const page = await listConversations(db, clock.now(), agent, query)
      await noteWatching(services, agent, Object.keys(page.found ?? {}))
      return page
    },
  )

  app.get(
    '/conversations/:id',
    { ...view, preHandler: mayView, schema: { params, response: { 200: Conversation } } },
    async ({ params, agent }) => {
      const conversation = await visibleSummary(db, clock.now(), agent, params.id)
      await noteWatching(services, agent, [conversation.id])
      return conversation
    },
  )

  app.get(
    '/conversations/:id/messages',
    {
      ...view,
      preHandler: mayView,
      schema: { params, querystring: ReadEntries, response: { 200: EntryPage } },
    },
    async ({ params, query, agent }) => {
      const { id } = await visibleSummary(db, clock.now(), agent, params.id)
      await noteWatching(services, agent, [id])
      const page = await readEntries(db, params.id, query)
      const first = page.entries[0]?.seq ?? (query.afterSeq ?? 0) + 1
      // notes before the first line stand after seq 0
      const from = first === 1 ? 0 : first
      const to = page.entries.at(-1)?.seq ?? page.lastSeq
      return { ...page, notes: await readNotes(db, params.id, Math.min(from, to), to) }
    },
  )

  app.post(
    '/conversations/:id/messages',
    { ...write, preHandler: mayWrite, schema: { params, body: SendMessage, response: { 200: SentMessage } } },
    ({ params, body, agent }) =>
      say(services, { conversationId: params.id, senderType: 'agent', senderId: agent.id, ...body }),
  )

  app.post(
    '/conversations/:id/notes',
    { ...write, preHandler: mayWrite, schema: { params, body: SendMessage, response: { 200: Note } } },
    ({ params, body, agent }) => addNote(services, agent, { conversationId: params.id, ...body }),
  )

  app.post(
    '/conversations/:id/end',
    {
      ...reply,
      preHandler: mayReply,
      schema: { params, body: EndConversation, response: { 200: Conversation } },
    },
    ({ params, body, agent }) => endByAgent(services, agent, params.id, body?.outcome ?? null),
  )

  app.put(
    '/conversations/:id/outcome',
    { ...reply, preHandler: mayReply, schema: { params, body: SetOutcome, response: { 200: Conversation } } },
    ({ params, body, agent }) => setOutcome(services, agent, params.id, body.outcome),
  )

  app.post(
    '/conversations/:id/claim',
    { ...reply, preHandler: mayReply, schema: { params, response: { 200: Conversation } } },
    ({ params, agent }) => claim(services, agent, params.id),
  )

  app.delete(
    '/conversations/:id/claim',
    { ...reply, preHandler: mayReply, schema: { params, response: { 200: Conversation } } },
    ({ params, agent }) => release(services, agent.id, params.id),
  )

  app.post(
    '/conversations/:id/reply',
    {
      ...reply,
      preHandler: mayReply,
      schema: { params, body: ReplyByMail, response: { 200: Conversation } },
    },
    ({ params, body, agent }) => replyByMail(services, agent, params.id, body),
  )

  app.get(
    '/conversations/:id/transcript.txt',
    {
      config: { ...view.config, gives: 'text/plain' },
      preHandler: mayView,
      schema: { params },
    },
    async ({ params, agent }, answer) => {
      const conversation = await visibleSummary(db, clock.now(), agent, params.id)
      await noteWatching(services, agent, [conversation.id])
      const zone = (await readOrganisation(db))?.timeZone ?? 'UTC'
      answer.type('text/plain; charset=utf-8').header('content-disposition', disposition(conversation, 'txt'))
      // a string would go through the JSON serialiser
      return answer.send(Buffer.from(formatTranscript(await readTranscript(db, conversation), zone)))
    },
  )

  app.post(
    '/conversations/:id/mail-transcript',
    {
      config: { ...reply.config, counted: true },
      preHandler: mayReply,
      schema: { params, response: { 200: MailedTranscript } },
    },
    (request) => {
      const { params, agent } = request
      return mailTranscript(services, agent, params.id, (to) => takeTranscript(request, params.id, to))
    },
  )

  app.get(
    '/conversations/:id/transcript.json',
    { ...view, preHandler: mayView, schema: { params, response: { 200: Transcript } } },
    async ({ params, agent }, answer) => {
      const conversation = await visibleSummary(db, clock.now(), agent, params.id)
      await noteWatching(services, agent, [conversation.id])
      answer.header('content-disposition', disposition(conversation, 'json'))
      const entries = await readTranscript(db, conversation)
      return {
        conversationId: conversation.id,
        startedAt: conversation.requestedAt,
        endedAt: conversation.endedAt,
        visitor: { name: conversation.visitor.name, email: conversation.visitor.email },
        agent: conversation.agent ? { name: conversation.agent.name } : null,
        outcome: conversation.outcome,
        entries: entries.map(({ clientId: _, ...entry }) => entry),
      }
    },
  )
}

/** Each is a mail of the company's to an address that anybody may have typed. */
function transcriptLimits(app: Api) {
  const timeWindowMs = 60 * 60_000
  const limit = (name: string, max: number, message: string) =>
    callLimit(app, `transcript ${name}`, { max, timeWindowMs, message })
  const ofChat = limit('chat', 5, 'This chat was mailed five times within an hour. Try again later.')
  const toAddress = limit(
    'address',
    10,
    'Ten chats were mailed to this address within an hour. Try again later.',
  )
  const byAgent = limit('agent', 60, 'You mailed sixty chats within an hour. Try again later.')
  return async (request: FastifyRequest, chat: string, address: string) => {
    await ofChat(request, chat)
    await toAddress(request, address)
    await byAgent(request, request.agent.id)
  }
}

const disposition = ({ requestedAt, id }: Conversation, ending: string) =>
  `attachment; filename="chat-${requestedAt.slice(0, 10)}-${id.slice(-6)}.${ending}"`

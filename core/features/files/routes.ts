import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sql } from 'kysely'
import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import { FileHeaders, StoredFile } from '../../contracts/files.ts'
import { FoyerError, NotFoundError } from '../../errors.ts'
import { visibleTo } from '../conversations/visibility.ts'
import { kindOfType } from './kinds.ts'
import { dispositionOf } from './names.ts'
import { type FileRow, findFile, readPieces, type Sender } from './repository.ts'
import { receiveFile } from './service.ts'

const conversation = z.object({ id: Id })
const file = z.object({ id: Id, fileId: Id })

/** The agent's side. */
export async function fileRoutes(app: Api): Promise<void> {
  takeFiles(app)
  const { services } = app

  app.post(
    '/conversations/:id/files',
    {
      preHandler: app.requires('conversations.reply'),
      config: { access: 'conversations.reply', takes: 'application/octet-stream' },
      bodyLimit: services.settings.limits.fileBytes,
      schema: { params: conversation, headers: FileHeaders, response: { 201: StoredFile } },
    },
    async (request, reply) => {
      const sender: Sender = { type: 'agent', id: request.agent.id }
      return reply.status(201).send(await upload(app, request, reply, { id: request.params.id, sender }))
    },
  )

  app.get(
    '/conversations/:id/files/:fileId',
    {
      preHandler: app.requires('conversations.view'),
      config: { access: 'conversations.view', gives: 'application/octet-stream' },
      schema: { params: file },
    },
    async (request, reply) => {
      const { id, fileId } = request.params
      return serve(app, reply, request, await findFile(services.db, id, fileId, visibleTo(request.agent)))
    },
  )
}

/** The visitor's side, registered where a bearer token says who it is.
 *  @param visitorOf who the request's token stands for. @param take counts one more send. */
export async function visitorFileRoutes(
  app: Api,
  {
    visitorOf,
    take,
    addressOf,
  }: {
    visitorOf: (request: FastifyRequest) => { id: string }
    take: (request: FastifyRequest, kind: 'request' | 'read') => void
    addressOf: (request: FastifyRequest) => string
  },
): Promise<void> {
  takeFiles(app)
  const { services } = app

  app.post(
    '/widget/conversations/:id/files',
    {
      config: { access: 'visitor', takes: 'application/octet-stream' },
      bodyLimit: services.settings.limits.fileBytes,
      schema: { params: conversation, headers: FileHeaders, response: { 201: StoredFile } },
    },
    async (request, reply) => {
      const sender: Sender = { type: 'visitor', id: visitorOf(request).id }
      take(request, 'request')
      const address = addressOf(request)
      return reply
        .status(201)
        .send(await upload(app, request, reply, { id: request.params.id, sender, address }))
    },
  )

  app.get(
    '/widget/conversations/:id/files/:fileId',
    { config: { access: 'visitor', gives: 'application/octet-stream' }, schema: { params: file } },
    async (request, reply) => {
      const visitor = visitorOf(request)
      take(request, 'read')
      const { id, fileId } = request.params
      const own = sql`c.visitor_id = ${visitor.id}`
      return serve(app, reply, request, await findFile(services.db, id, fileId, own))
    },
  )
}

/** In a scope of its own: no other route takes such a body. It is handed on as it comes; the service counts. */
function takeFiles(app: Api): void {
  app.removeAllContentTypeParsers()
  const { fileBytes } = app.services.settings.limits
  app.addContentTypeParser('application/octet-stream', { bodyLimit: fileBytes }, (_request, body, done) =>
    done(null, body),
  )
  app.addContentTypeParser('*', (_request, _body, done) => done(null, null))
}

async function upload(
  { services }: Api,
  { body, headers }: FastifyRequest,
  reply: FastifyReply,
  { id, sender, address }: { id: string; sender: Sender; address?: string },
): Promise<StoredFile> {
  if (!(body instanceof Readable))
    throw new FoyerError(
      415,
      'wrong_media_type',
      'Send the file itself, with content-type application/octet-stream.',
    )
  if (headers['content-length'] === undefined)
    throw new FoyerError(411, 'length_required', 'Say how long the file is, by content-length.')
  const known = FileHeaders.parse(headers)
  try {
    return await receiveFile(
      services,
      {
        conversationId: id,
        sender,
        clientId: known['foyer-client-id'],
        name: known['foyer-file-name'],
        size: Number(headers['content-length']),
        address,
      },
      body,
    )
  } catch (error) {
    // what has not been read of a refused file never is
    if (!body.readableEnded) reply.header('connection', 'close')
    throw error
  }
}

/** Inert wherever it is opened: the type is what Foyer found, no page may run it, embed it or guess at it, and all but
 *  pictures are only downloaded. */
function serve(
  { services }: Api,
  reply: FastifyReply,
  request: FastifyRequest,
  found: FileRow | null,
): FastifyReply {
  if (!found) throw new NotFoundError('file')
  const isShown = kindOfType(found.mediaType)?.isPicture ?? false
  const tag = `"${found.id}"`
  reply
    .header('x-content-type-options', 'nosniff')
    .header('content-security-policy', "sandbox; default-src 'none'; frame-ancestors 'none'")
    .header('cross-origin-resource-policy', 'same-origin')
    .header('content-disposition', dispositionOf(found.name, isShown))
    // kept by this browser, shown again only after asking whether it still may be
    .header('cache-control', 'private, no-cache')
    .header('etag', tag)
    .type(isShown ? found.mediaType : 'application/octet-stream')
  if (request.headers['if-none-match'] === tag) return reply.status(304).send()
  return reply.header('content-length', found.size).send(Readable.from(readPieces(services.db, found)))
}

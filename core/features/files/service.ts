import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Entry } from '../../contracts/conversations.ts'
import type { SentFile, StoredFile } from '../../contracts/files.ts'
import {
  ConflictError,
  ConversationEndedError,
  FoyerError,
  InvalidInputError,
  NotFoundError,
} from '../../errors.ts'
import { isPublic } from '../../plugins/addresses.ts'
import { type Change, change, type Services } from '../../services.ts'
import { readEntry } from '../conversations/entries.ts'
import { append, type ConversationRow, lock } from '../conversations/repository.ts'
import { type Kind, kindOf } from './kinds.ts'
import { cleanName } from './names.ts'
import { pictureSize } from './picture-size.ts'
import * as files from './repository.ts'

interface Upload {
  conversationId: string
  sender: files.Sender
  clientId: string
  /** Percent-encoded, as it came. */
  name: string
  /** As announced, in bytes. */
  size: number
  /** From where a visitor sends, as `countedAs` gives it. */
  address?: string
}

/** Bytes a row, and all of a file that is ever in memory. */
const pieceBytes = 256 * 1024

/**
 * Takes a file in and puts its line into the log. A file is
 *   arriving  announced and counted; its pieces are stored one by one, outside of any transaction
 *   stored    whole, with its line: visible, in one short transaction under the conversation's lock
 * What breaks off is discarded. The same send again, whenever, is the line made then.
 * @throws {ConversationEndedError} @throws {NotFoundError} it is not the sender's
 * @throws {ConflictError} `too_many_files`, `upload_quota`
 * @throws {FoyerError} 413 `too_large`, 415 `file_type_not_allowed`
 */
export async function receiveFile(
  services: Services,
  upload: Upload,
  body: AsyncIterable<Buffer>,
): Promise<StoredFile> {
  const { fileBytes } = services.settings.limits
  if (upload.size === 0) throw new InvalidInputError('This file is empty.')
  if (upload.size > fileBytes)
    throw new FoyerError(413, 'too_large', `A file has at most ${inMegabytes(fileBytes)} MB.`)
  const begun = await change(services, (change) => begin(services, change, upload))
  if ('entry' in begun) {
    for await (const _ of body);
    return begun
  }
  try {
    const known = await store(services, begun.id, upload, body)
    return await change(services, (change) => finish(services, change, begun.id, upload, known))
  } catch (error) {
    // what is left of it counts, so it goes at once; the broom finds what cannot be removed now
    await files.discard(services.db, begun.id).catch(() => undefined)
    throw error
  }
}

const inMegabytes = (bytes: number) => Math.floor(bytes / (1024 * 1024))

async function begin(
  services: Services,
  { tx, now }: Change,
  upload: Upload,
): Promise<{ id: string } | StoredFile> {
  const { limits } = services.settings
  const address = upload.address !== undefined && isPublic(upload.address) ? upload.address : null
  const conversation = await lock(tx, upload.conversationId)
  const again = await sentBefore(services, tx, upload, conversation)
  if (again) return again
  mustBeOpen(conversation, upload.sender)
  // two of one sender or address, in different chats, must count each other
  for (const key of [upload.sender.id, address ?? ''])
    if (key !== '')
      await sql`select pg_advisory_xact_lock(hashtextextended(${`files ${key}`}, 0))`.execute(tx)
  const used = await files.usage(tx, now, upload, address)
  if (used.files >= limits.filesAConversation)
    throw new ConflictError('too_many_files', `A chat has at most ${limits.filesAConversation} files.`)
  const isVisitor = upload.sender.type === 'visitor'
  if (
    isVisitor &&
    (used.senderBytes + upload.size > limits.visitorFileBytesADay ||
      used.addressBytes + upload.size > limits.addressFileBytesADay)
  )
    throw new ConflictError(
      'upload_quota',
      'That is all the files that can be sent today. Try again tomorrow.',
    )
  // the id is all that an address gives away, so nobody must be able to guess it from another one
  const id = randomUUID()
  await files.begin(tx, now, { ...upload, id }, address)
  return { id }
}

/** @throws {NotFoundError} @throws {ConversationEndedError} */
function mustBeOpen(conversation: ConversationRow, sender: files.Sender): void {
  const isSender = sender.id === (sender.type === 'visitor' ? conversation.visitorId : conversation.agentId)
  if (!isSender) throw new NotFoundError('conversation')
  const { status } = conversation
  if (status !== 'active' && !(status === 'waiting' && sender.type === 'visitor'))
    throw new ConversationEndedError()
}

async function sentBefore(
  { settings }: Services,
  tx: Change['tx'],
  upload: Upload,
  conversation: ConversationRow,
): Promise<StoredFile | null> {
  const sent = await files.findSent(tx, upload)
  if (!sent) return null
  const entry = sent.isFile ? await readEntry(tx, conversation.id, sent.seq) : undefined
  if (entry) return { entry }
  throw new ConflictError('client_id_taken', 'Something else was sent under this client id.', {
    limits: { fileBytes: settings.limits.fileBytes },
  })
}

interface Known {
  kind: Kind
  name: string
  width: number | null
  height: number | null
}

/** Stores the pieces as they come. What the file is, its first piece tells before anything is stored. */
async function store(
  { db }: Services,
  id: string,
  upload: Upload,
  body: AsyncIterable<Buffer>,
): Promise<Known> {
  let known: Known | undefined
  let place = 0
  let received = 0
  for await (const piece of inPieces(body, upload.size)) {
    known ??= recognise(piece, upload.name)
    await files.addPiece(db, id, place++, piece)
    received += piece.length
  }
  if (!known || received !== upload.size)
    throw new InvalidInputError('The file did not arrive whole. Send it again.')
  return known
}

/** @throws {InvalidInputError} more than was announced */
async function* inPieces(body: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let gathered: Buffer[] = []
  let bytes = 0
  let all = 0
  for await (const chunk of body) {
    all += chunk.length
    if (all > size) throw new InvalidInputError('The file is longer than announced.')
    gathered.push(chunk)
    bytes += chunk.length
    if (bytes < pieceBytes) continue
    yield Buffer.concat(gathered, bytes)
    gathered = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(gathered, bytes)
}

/** @throws {FoyerError} 415 `file_type_not_allowed` */
function recognise(head: Buffer, name: string): Known {
  const kind = kindOf(head)
  if (!kind)
    throw new FoyerError(
      415,
      'file_type_not_allowed',
      'Files of this type cannot be sent. Pictures, PDFs, documents, archives, sound, video and text can.',
    )
  const { width, height } = pictureSize(kind.mediaType, head) ?? { width: null, height: null }
  return { kind, name: cleanName(name, kind), width, height }
}

async function finish(
  services: Services,
  change: Change,
  id: string,
  upload: Upload,
  { kind, name, width, height }: Known,
): Promise<StoredFile> {
  const { tx, now } = change
  const conversation = await lock(tx, upload.conversationId)
  const again = await sentBefore(services, tx, upload, conversation)
  if (again) {
    await files.discard(tx, id)
    return again
  }
  mustBeOpen(conversation, upload.sender)
  const { mediaType } = kind
  const data: SentFile = { id, mediaType, size: upload.size, width, height }
  const { sender, clientId } = upload
  const entry = await append(tx, conversation, now, { kind: 'file', sender, text: name, data, clientId })
  if (!(await files.finish(tx, id, { seq: entry.seq, name, mediaType, width, height })))
    throw new NotFoundError('conversation')
  await moveHead(services, change, conversation, entry)
  const frame = { type: 'entry', conversationId: conversation.id, entry } as const
  change.tellVisitor(conversation.visitorId, frame)
  if (conversation.agentId) change.tellAgent(conversation.agentId, frame)
  return { entry }
}

/** As a message would; its name is found by its words. */
async function moveHead(
  { settings }: Services,
  { tx, now }: Change,
  { id, status, lastAt }: ConversationRow,
  { seq, text, sender }: Entry,
): Promise<void> {
  const idleAt = status === 'active' ? new Date(lastAt.getTime() + settings.idleEndMs) : null
  await sql`
    with line as (
      insert into search_backlog (conversation_ids, seqs, at) values (${[id]}, ${[seq]}, ${now})
    )
    update conversations set last_text = ${text}, last_sender = ${sender.type},
           waiting_since = case when ${sender.type} = 'agent' then null else coalesce(waiting_since, last_at) end,
           idle_at = ${idleAt}, idle_warned = false
    where id = ${id}`.execute(tx)
}

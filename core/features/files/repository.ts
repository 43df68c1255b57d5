import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from '../../db/pool.ts'
import { dayMs } from '../availability/zone.ts'
import type { Kind } from './kinds.ts'

export interface Sender {
  type: 'visitor' | 'agent'
  id: string
}

export interface ArrivingFile {
  id: string
  conversationId: string
  sender: Sender
  clientId: string
  size: number
}

/** An upload that broke off this long ago does not come back. */
export const arrivingMs = 60 * 60_000

/** Files in this conversation, and bytes that this sender and this address have sent in the last day; those that are
 *  arriving count as what they announced. */
export async function usage(
  tx: Tx,
  now: Date,
  { conversationId, sender }: Pick<ArrivingFile, 'conversationId' | 'sender'>,
  address: string | null,
): Promise<{ files: number; senderBytes: number; addressBytes: number }> {
  const since = new Date(now.getTime() - dayMs)
  const { rows } = await sql<{ files: number; senderBytes: number; addressBytes: number }>`
    select (select count(*) from files where conversation_id = ${conversationId}) as files,
           (select coalesce(sum(size), 0)::bigint from files where sender_id = ${sender.id} and at > ${since}) as sender_bytes,
           (select coalesce(sum(f.size), 0)::bigint from file_addresses a join files f on f.id = a.file_id
            where a.address = ${address} and a.at > ${since}) as address_bytes`.execute(tx)
  return rows[0] ?? { files: 0, senderBytes: 0, addressBytes: 0 }
}

export async function begin(tx: Tx, now: Date, file: ArrivingFile, address: string | null): Promise<void> {
  const { id, conversationId, sender, clientId, size } = file
  await sql`
    insert into files (id, conversation_id, sender_type, sender_id, client_id, name, size, at)
    values (${id}, ${conversationId}, ${sender.type}, ${sender.id}, ${clientId}, '', ${size}, ${now})`.execute(
    tx,
  )
  if (address !== null)
    await sql`insert into file_addresses (file_id, address, at) values (${id}, ${address}, ${now})`.execute(
      tx,
    )
}

/** One bounded statement each: nobody's slow line holds a connection. */
export async function addPiece(db: Db, fileId: string, place: number, bytes: Buffer): Promise<void> {
  await sql`insert into file_pieces (file_id, place, bytes) values (${fileId}, ${place}, ${bytes})`.execute(
    db,
  )
}

/** @returns false when the file is gone: its conversation was deleted meanwhile. */
export async function finish(
  tx: Tx,
  id: string,
  file: { seq: number; name: string; mediaType: string; width: number | null; height: number | null },
): Promise<boolean> {
  const { rows } = await sql`
    update files set seq = ${file.seq}, name = ${file.name}, media_type = ${file.mediaType}, width = ${file.width},
           height = ${file.height}
    where id = ${id} returning id`.execute(tx)
  return rows.length > 0
}

export async function discard(db: Db | Tx, id: string): Promise<void> {
  await sql`delete from files where id = ${id} and seq is null`.execute(db)
}

/** The place of what this sender sent under this client id, and whether that is a file. */
export async function findSent(
  tx: Db | Tx,
  { conversationId, sender, clientId }: Pick<ArrivingFile, 'conversationId' | 'sender' | 'clientId'>,
): Promise<{ seq: number; isFile: boolean } | null> {
  const { rows } = await sql<{ seq: number; isFile: boolean }>`
    select seq, kind = 'file' as is_file from entries
    where conversation_id = ${conversationId} and sender_type = ${sender.type} and sender_id = ${sender.id}
      and client_id = ${clientId}`.execute(tx)
  return rows[0] ?? null
}

/** Two visitors turn out to be one: what each has sent in a day counts as one's. */
export async function moveFiles(tx: Tx, from: string, to: string): Promise<void> {
  await sql`
    update files set sender_id = ${to} where sender_type = 'visitor' and sender_id = ${from}`.execute(tx)
}

export interface FileRow {
  id: string
  name: string
  mediaType: Kind['mediaType']
  size: number
}

/** @param where who may have it: a condition over `c` (conversations). */
export async function findFile(
  db: Db,
  conversationId: string,
  id: string,
  where: RawBuilder<unknown>,
): Promise<FileRow | null> {
  const { rows } = await sql<FileRow>`
    select f.id, f.name, f.media_type, f.size from files f join conversations c on c.id = f.conversation_id
    where f.id = ${id} and c.id = ${conversationId} and f.seq is not null and ${where}`.execute(db)
  return rows[0] ?? null
}

/** Piece by piece, as fast as somebody reads. @throws when it is deleted meanwhile */
export async function* readPieces(db: Db, { id, size }: FileRow): AsyncGenerator<Buffer> {
  for (let place = 0, read = 0; read < size; place++) {
    const { rows } = await sql<{ bytes: Buffer }>`
      select bytes from file_pieces where file_id = ${id} and place = ${place}`.execute(db)
    const piece = rows[0]?.bytes
    if (!piece) throw new Error('The file was deleted while it was read')
    read += piece.length
    yield piece
  }
}

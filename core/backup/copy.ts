import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type pg from 'pg'

/** COPY to and from the client, which pg understands on the wire and has no call for.
 *  https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-COPY */

/** The part of pg's connection that COPY needs. */
interface Connection {
  stream: Socket
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

/** What pg asks of a query that somebody else brings. */
interface Submittable {
  submit(connection: Connection): Error | null
  handleRowDescription(): void
  handleDataRow(): void
  handleCopyInResponse(connection: Connection): void
  handleCopyData(message: { chunk: Buffer }, connection: Connection): void
  handleCommandComplete(message: { text: string }): void
  handleReadyForQuery(): void
  handleEmptyQuery(): void
  handlePortalSuspended(): void
  handleError(error: Error): void
}

const ignore = {
  handleRowDescription: () => undefined,
  handleDataRow: () => undefined,
  handleCopyInResponse: () => undefined,
  handleCopyData: () => undefined,
  handleCommandComplete: () => undefined,
  handleReadyForQuery: () => undefined,
  handleEmptyQuery: () => undefined,
  handlePortalSuspended: () => undefined,
}

const pieceBytes = 64 * 1024

/** Runs `copy … to stdout`. The server is held up while nobody reads, so memory stays flat.
 *  @returns its bytes in pieces of about 64 KB, each ending with a row. */
export function copyOut(client: pg.Client, statement: string): Readable {
  let socket: Socket | undefined
  let gathered: Buffer[] = []
  let bytes = 0
  const out = new Readable({
    read: () => socket?.resume(),
    // whatever comes after the last piece somebody wanted
    destroy: (error, done) => {
      socket?.resume()
      done(error)
    },
  })
  const flush = (connection?: Connection) => {
    if (bytes === 0) return
    if (!out.push(Buffer.concat(gathered, bytes))) connection?.stream.pause()
    gathered = []
    bytes = 0
  }
  submit(client, {
    ...ignore,
    submit(connection) {
      socket = connection.stream
      connection.query(statement)
      return null
    },
    handleCopyData({ chunk }, connection) {
      if (out.destroyed) return
      // pg uses the memory behind it again
      gathered.push(Buffer.from(chunk))
      bytes += chunk.length
      if (bytes >= pieceBytes) flush(connection)
    },
    handleReadyForQuery() {
      flush()
      out.push(null)
    },
    handleError: (error) => void out.destroy(error),
  })
  return out
}

/** Runs `copy … from stdin` with these bytes.
 *  @returns how many rows there were.
 *  @throws what the source throws, or what the server says of the rows; either way none of them is stored. */
export async function copyIn(
  client: pg.Client,
  statement: string,
  source: AsyncIterable<Buffer>,
): Promise<number> {
  const asked = Promise.withResolvers<Connection>()
  const ended = Promise.withResolvers<number>()
  let rows = 0
  let failure: Error | undefined
  // both are awaited below, though perhaps not before they fail
  asked.promise.catch(() => undefined)
  ended.promise.catch(() => undefined)
  submit(client, {
    ...ignore,
    submit(connection) {
      connection.query(statement)
      return null
    },
    handleCopyInResponse: (connection) => asked.resolve(connection),
    handleCommandComplete({ text }) {
      rows = Number(text.split(' ')[1])
    },
    handleReadyForQuery: () => ended.resolve(rows),
    handleError(error) {
      failure = error
      asked.reject(error)
      ended.reject(error)
    },
  })
  const connection = await asked.promise
  try {
    for await (const chunk of source) {
      if (failure) throw failure
      connection.sendCopyFromChunk(chunk)
      if (connection.stream.writableNeedDrain)
        await Promise.race([once(connection.stream, 'drain'), ended.promise])
    }
  } catch (error) {
    if (failure) throw failure
    connection.sendCopyFail('The source ended early')
    await ended.promise.catch(() => undefined)
    throw error
  }
  connection.endCopyFrom()
  return ended.promise
}

/** The types of pg know no queries but its own. */
function submit(client: pg.Client, query: Submittable): void {
  client.query(query as unknown as pg.Submittable)
}

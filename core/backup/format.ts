import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { z } from 'zod'
import { StartError } from '../errors.ts'

/**
 * A backup file: one line that says what it is, frames, compressed with zstd as one stream, and one line that says that it
 * ends. A frame is its kind (one letter), its length (four bytes, big-endian) and its content:
 *   H  the header, JSON
 *   T  a table begins: its name and columns, JSON
 *   D  some of its rows, as COPY's text format writes them
 *   E  the table ends: how many rows it has, JSON
 *   Z  the end: SHA-256 of all frames before it, hex
 * Whatever is cut off or changed is noticed: by zstd, by the frames' order and counts, or by the sum.
 */
export type FrameKind = 'H' | 'T' | 'D' | 'E' | 'Z'

export interface Frame {
  kind: FrameKind
  content: Buffer
}

const formatVersion = 1
const lastLine = '\nThe backup ends here\n'
const firstLine = (version: number) => `Foyer backup, format ${version}\n`
const headBytes = 5
/** The longest row there can be is far shorter; a damaged length must not ask for memory. */
const longestFrame = 256 * 1024 * 1024

export const Header = z.object({
  madeAt: z.iso.datetime(),
  /** Names of the migrations the database had, in order. */
  migrations: z.array(z.string()).min(1),
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()) })),
  /** Identities: the table, its column, and the highest number given so far. */
  identities: z.array(z.object({ table: z.string(), column: z.string(), last: z.number().int().nullable() })),
})
export type Header = z.infer<typeof Header>
export const TableStart = z.object({ name: z.string() })
export const TableEnd = z.object({ rows: z.number().int() })

/** Writes the first line, the compressed frames and their sum. The file stays open. */
export async function writeFrames(
  file: FileHandle,
  frames: AsyncIterable<Frame>,
  signal: AbortSignal,
): Promise<void> {
  await file.writeFile(firstLine(formatVersion))
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } })
  const write = (compressed: AsyncIterable<Buffer>) => file.writeFile(compressed)
  await pipeline(withSum(frames), compress, write, { signal })
  await file.writeFile(lastLine)
}

async function* withSum(frames: AsyncIterable<Frame>): AsyncGenerator<Buffer> {
  const sum = createHash('sha256')
  for await (const { kind, content } of frames) {
    const head = headOf(kind, content.length)
    sum.update(head).update(content)
    yield head
    yield content
  }
  const digest = Buffer.from(sum.digest('hex'))
  yield headOf('Z', digest.length)
  yield digest
}

function headOf(kind: FrameKind, length: number): Buffer {
  const head = Buffer.alloc(headBytes)
  head.write(kind, 'latin1')
  head.writeUInt32BE(length, 1)
  return head
}

/** The frames of a backup, without the last one, which was checked when this ends.
 *  @throws StartError one sentence: no backup, one of a newer Foyer, or a damaged one */
export async function* decode(path: string): AsyncGenerator<Frame> {
  const range = await checkLines(path)
  const decompress = createZstdDecompress()
  const file = createReadStream(path, range)
  file.on('error', (error) => decompress.destroy(error))
  file.pipe(decompress)
  const sum = createHash('sha256')
  let isWhole = false
  try {
    for await (const frame of framesIn(decompress)) {
      if (isWhole) throw damaged(path, 'something follows its end')
      if (frame.kind === 'Z') {
        if (frame.content.toString('latin1') !== sum.digest('hex')) throw damaged(path, 'its sum is wrong')
        isWhole = true
        continue
      }
      sum.update(headOf(frame.kind, frame.content.length)).update(frame.content)
      yield frame
    }
  } catch (error) {
    if (error instanceof StartError) throw error
    const { code = '', message } = error as NodeJS.ErrnoException
    if (/^(Z_|ZSTD_|ERR_)|^FRAME/.test(code)) throw damaged(path, message)
    throw error
  } finally {
    file.destroy()
    decompress.destroy()
  }
  if (!isWhole) throw damaged(path, 'its end is missing')
}

/** @returns where the compressed frames are, both ends included. */
async function checkLines(path: string): Promise<{ start: number; end: number }> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new StartError(
      error.code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read: ${error.message}.`,
    )
  })
  try {
    const { size } = await handle.stat()
    const textAt = async (at: number, length: number) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at)
      return buffer.toString('latin1', 0, bytesRead)
    }
    const found = /^Foyer backup, format (\d+)\n/.exec(await textAt(0, 64))
    if (!found) throw new StartError(`${path} is not a backup made by Foyer.`)
    if (Number(found[1]) > formatVersion)
      throw new StartError(`${path} was made by a newer Foyer, in a format this one does not know.`)
    const end = size - lastLine.length
    if (end <= found[0].length || (await textAt(end, lastLine.length)) !== lastLine)
      throw damaged(path, 'its end is missing')
    return { start: found[0].length, end: end - 1 }
  } finally {
    await handle.close()
  }
}

/** Cuts the stream into frames. */
async function* framesIn(stream: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest: Buffer[] = []
  let bytes = 0
  let wanted = headBytes
  for await (const chunk of stream) {
    rest.push(chunk)
    bytes += chunk.length
    while (bytes >= wanted) {
      const all = rest.length === 1 && rest[0] ? rest[0] : Buffer.concat(rest, bytes)
      rest = [all]
      const kind = all.toString('latin1', 0, 1)
      const length = all.readUInt32BE(1)
      if (!'HTDEZ'.includes(kind) || length > longestFrame) throw unreadable('a frame makes no sense')
      wanted = headBytes + length
      if (bytes < wanted) break
      yield { kind: kind as FrameKind, content: all.subarray(headBytes, wanted) }
      rest = [all.subarray(wanted)]
      bytes -= wanted
      wanted = headBytes
    }
  }
  if (bytes > 0) throw unreadable('it ends in the middle of a frame')
}

const unreadable = (message: string) => Object.assign(new Error(message), { code: 'FRAME' })

export const damaged = (path: string, why: string): StartError =>
  new StartError(`${path} is damaged: ${why}. Use another backup.`)

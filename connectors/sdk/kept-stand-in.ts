import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type StandIn, serveStandIn } from './stand-in.ts'

/** A stand-in whose records and tokens can be put away and taken up again. */
export interface KeptStandIn {
  handle: StandIn
  /** All that a later start must know, as JSON. */
  save(): unknown
  load(saved: never): void
  /** The first start. */
  seed(): void
}

interface Kept {
  port: number
  state: unknown
}

/**
 * Serves a stand-in that outlives its process, as a vendor does: whatever an answer tells of is in `file` before the answer leaves, so a
 * killed process loses nothing it promised. It takes the port it had before, if that is free, since links lead there.
 */
export async function serveKeptStandIn(
  file: string,
  { handle, save, load, seed }: KeptStandIn,
): Promise<{ origin: string; close(): Promise<void> }> {
  mkdirSync(path.dirname(file), { recursive: true })
  const before = readKept(file)
  // it comes from this stand-in's own save
  if (before) load(before.state as never)
  else seed()
  let { port } = before ?? { port: 0 }
  let stored = ''
  const store = () => {
    const text = JSON.stringify({ port, state: save() } satisfies Kept)
    if (text === stored) return
    // whole or not at all
    writeFileSync(`${file}.new`, text, { mode: 0o600 })
    renameSync(`${file}.new`, file)
    stored = text
  }
  const kept: StandIn = async (request) => {
    const response = await handle(request)
    store()
    return response
  }
  const serving = await serveStandIn(kept, port).catch(() => serveStandIn(kept))
  port = Number(new URL(serving.origin).port)
  store()
  return serving
}

function readKept(file: string): Kept | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

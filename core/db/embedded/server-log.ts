import { copyFile, open, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'

const mostBytes = 5_000_000

/** PostgreSQL's own log: a file it appends to by itself, so that it goes on when Foyer is gone. At most two files
 *  of about 5 MB each, postgres.log and postgres.log.1. */
export class ServerLog {
  readonly path: string
  #timer: NodeJS.Timeout | undefined

  constructor(home: string) {
    this.path = join(home, 'postgres.log')
  }

  /** For the standard error of a new PostgreSQL; the caller closes it. */
  open() {
    return open(this.path, 'a', 0o600)
  }

  async size(): Promise<number> {
    return (await stat(this.path).catch(() => ({ size: 0 }))).size
  }

  /** @returns the text behind a place in the file, at most its last 20 kB. */
  async since(place: number): Promise<string> {
    const size = await this.size()
    const from = Math.max(place > size ? 0 : place, size - 20_000)
    const handle = await open(this.path, 'r').catch(() => undefined)
    if (!handle) return ''
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await handle.close()
    }
  }

  keepSmall(): void {
    this.#timer ??= setInterval(() => {
      // tried again in a minute
      this.rotate().catch(() => undefined)
    }, 60_000).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** PostgreSQL keeps the file open for appending, so it is copied and emptied, not moved. */
  async rotate(most = mostBytes): Promise<void> {
    if ((await this.size()) <= most) return
    const older = `${this.path}.1`
    // no room for a copy: a bounded log matters more than an old one
    await copyFile(this.path, older).catch(() => rm(older, { force: true }))
    await truncate(this.path)
  }
}

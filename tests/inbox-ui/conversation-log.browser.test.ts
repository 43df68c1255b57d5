import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Entry, EntryPage } from '../../core/contracts/conversations.ts'
import { ConversationLog } from '../../inbox-ui/conversations/conversation-log.svelte.ts'
import { aNote, anEntry } from './samples.ts'

const pageSize = 5

/** A log as the server keeps it, small pages included. */
class ServerLog {
  readonly entries: Entry[] = []
  resumes: number[] = []
  reachable = true

  write(count = 1): Entry[] {
    const added = Array.from({ length: count }, () => anEntry(this.entries.length + 1))
    for (const [index, entry] of added.entries()) {
      const seq = this.entries.length + 1
      added[index] = { ...entry, seq, text: `line ${seq}` }
      this.entries.push(added[index] as Entry)
    }
    return added
  }

  read({ afterSeq, beforeSeq }: { afterSeq?: number; beforeSeq?: number }): EntryPage {
    const all = this.entries
    const page =
      afterSeq !== undefined
        ? all.filter(({ seq }) => seq > afterSeq).slice(0, pageSize)
        : all.filter(({ seq }) => seq < (beforeSeq ?? Number.POSITIVE_INFINITY)).slice(-pageSize)
    const hasMore =
      afterSeq !== undefined ? (page.at(-1)?.seq ?? afterSeq) < all.length : (page[0]?.seq ?? 1) > 1
    return { entries: page, lastSeq: all.length, hasMore, notes: [] }
  }

  client(): ConversationLog {
    return new ConversationLog({
      read: async (range) => {
        if (!this.reachable) throw new Error('no answer')
        return this.read(range)
      },
      resume: (afterSeq) => {
        if (!this.reachable) return false
        this.resumes.push(afterSeq)
        return true
      },
    })
  }

  /** Answers what was asked over the socket, until nothing is asked any more. */
  answer(log: ConversationLog): void {
    for (let afterSeq = this.resumes.shift(); afterSeq !== undefined; afterSeq = this.resumes.shift())
      log.applyEntries(this.read({ afterSeq }))
  }
}

const seqs = (log: ConversationLog) => log.entries.map(({ seq }) => seq)

describe('a log on the screen', () => {
  test('begins with the newest page and reads on upwards', async () => {
    const server = new ServerLog()
    server.write(12)
    const log = server.client()
    await log.load()
    expect(seqs(log)).toEqual([8, 9, 10, 11, 12])
    await log.loadEarlier()
    await log.loadEarlier()
    expect(seqs(log)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(log.hasEarlier).toBe(false)
  })

  test('never shows a line before the one it follows', async () => {
    const server = new ServerLog()
    server.write(2)
    const log = server.client()
    await log.load()
    const [third, fourth] = server.write(2) as [Entry, Entry]
    log.apply(fourth)
    expect(seqs(log)).toEqual([1, 2])
    expect(server.resumes).toEqual([2])
    log.apply(third)
    expect(seqs(log)).toEqual([1, 2, 3, 4])
  })

  test('asks once for what is missing, however many lines skip it', async () => {
    const server = new ServerLog()
    const log = server.client()
    await log.load()
    const [, ...later] = server.write(4)
    for (const entry of later) log.apply(entry)
    expect(server.resumes).toEqual([0])
    server.answer(log)
    expect(seqs(log)).toEqual([1, 2, 3, 4])
  })

  test('asks again for what Foyer could not answer just now', async () => {
    const server = new ServerLog()
    const log = server.client()
    await log.load()
    const [, , third] = server.write(3)
    log.apply(third as Entry)
    expect(server.resumes.splice(0)).toEqual([0])
    log.refused(5)
    await expect.poll(() => server.resumes).toEqual([0])
    // where asking again would not help the page is read
    log.refused(undefined)
    await expect.poll(() => seqs(log)).toEqual([1, 2, 3])
  })

  test('lines that come while the page is on its way are kept', async () => {
    const server = new ServerLog()
    server.write(1)
    const log = server.client()
    const loading = log.load()
    for (const entry of server.write(2)) log.apply(entry)
    await loading
    expect(seqs(log)).toEqual([1, 2, 3])
  })

  test('a failed page can be asked for again', async () => {
    const server = new ServerLog()
    server.write(1)
    server.reachable = false
    const log = server.client()
    await log.load()
    expect(log.status).toBe('failed')
    expect(log.error).toBe('no answer')
    server.reachable = true
    await log.load()
    expect(seqs(log)).toEqual([1])
  })

  test('a note keeps its place, and one’s own meets Foyer’s copy of it', async () => {
    const log = new ServerLog().client()
    await log.load()
    log.applyNote({ ...aNote(2, 'mine'), id: 'mine' })
    log.applyNote(aNote(1, 'other'))
    log.applyNote(aNote(2, 'mine'))
    expect(log.notes.map(({ id }) => id)).toEqual(['note-other', 'note-mine'])
  })

  /** Lines written, frames delivered, lost, doubled and shuffled, lines broken and taken up again, pages read: at every
   *  step what is shown has no hole, and in the end it is the whole log from where it began. */
  test('has no hole, whatever the line does', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), count: fc.integer({ min: 1, max: 8 }) }),
      fc.record({
        do: fc.constant('deliver' as const),
        pick: fc.array(fc.nat({ max: 40 }), { maxLength: 6 }),
      }),
      fc.record({ do: fc.constantFrom('answer', 'break', 'reconnect', 'earlier', 'load') }),
    )
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 14 }), fc.array(step, { maxLength: 40 }), async (before, steps) => {
        const server = new ServerLog()
        server.write(before)
        const log = server.client()
        for (const now of steps) {
          if (now.do === 'write') server.write(now.count)
          else if (now.do === 'deliver')
            for (const index of now.pick) {
              const entry = server.entries[index]
              if (entry) log.apply(entry)
            }
          else if (now.do === 'answer') server.answer(log)
          else if (now.do === 'break') {
            server.reachable = false
            server.resumes = []
          } else if (now.do === 'reconnect') {
            server.reachable = true
            log.catchUp()
          } else if (now.do === 'earlier') await log.loadEarlier().catch(() => {})
          else if (server.reachable) await log.load()
          expectNoHole(log)
        }
        server.reachable = true
        await log.load()
        log.catchUp()
        server.answer(log)
        await log.load()
        expectNoHole(log)
        expect(log.appliedSeq).toBe(server.entries.length)
      }),
      { numRuns: 150 },
    )
  })
})

function expectNoHole(log: ConversationLog): void {
  const shown = seqs(log)
  const first = shown[0] ?? 1
  expect(shown).toEqual(shown.map((_, index) => first + index))
}

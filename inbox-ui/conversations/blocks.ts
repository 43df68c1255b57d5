import type { Entry, Note } from '../../core/contracts/conversations.ts'
import type { Pending } from './outbox.svelte.ts'

/** What a chat is drawn from, top to bottom. */
export type Block =
  | { type: 'day'; key: string; at: string }
  | { type: 'system'; key: string; entry: Entry }
  | { type: 'group'; key: string; from: 'visitor' | 'agent'; agentId: string | null; entries: Entry[] }
  | { type: 'notes'; key: string; notes: Note[] }
  | { type: 'pending'; key: string; item: Pending }

/** Messages of one side this close together stand as one. */
const togetherMs = 3 * 60_000

export interface Told {
  entries: readonly Entry[]
  notes: readonly Note[]
  pending: readonly Pending[]
  /** "2026-11-22" in the reader's zone. */
  dayKey: (at: string) => string
}

/** A log as blocks: days, system lines, groups of messages of one side, notes after the line they follow, and last
 *  what is not stored yet. */
export function blocksOf({ entries, notes, pending, dayKey }: Told): Block[] {
  const blocks: Block[] = []
  let day = ''
  let noteIndex = 0
  const beginDay = (at: string) => {
    const key = dayKey(at)
    if (key !== day) blocks.push({ type: 'day', key: `day-${key}`, at })
    day = key
  }
  const addNotesUpTo = (seq: number) => {
    for (let note = notes[noteIndex]; note && note.afterSeq <= seq; note = notes[++noteIndex]) {
      beginDay(note.at)
      addNote(blocks, note)
    }
  }

  const first = entries[0]
  // notes from before what is loaded have no place here yet
  while (first && noteIndex < notes.length && (notes[noteIndex]?.afterSeq ?? 0) < first.seq - 1) noteIndex++
  if (first) addNotesUpTo(first.seq - 1)
  for (const entry of entries) {
    beginDay(entry.at)
    addEntry(blocks, entry)
    addNotesUpTo(entry.seq)
  }
  addNotesUpTo(Number.POSITIVE_INFINITY)
  for (const item of pending) blocks.push({ type: 'pending', key: `pending-${item.clientId}`, item })
  return blocks
}

function addEntry(blocks: Block[], entry: Entry): void {
  const { sender } = entry
  const isSaid = entry.kind === 'message' || entry.kind === 'file'
  if (!isSaid || sender.type === 'system') {
    blocks.push({ type: 'system', key: `entry-${entry.seq}`, entry })
    return
  }
  const last = blocks.at(-1)
  const previous = last?.type === 'group' ? last.entries.at(-1) : undefined
  const joins =
    last?.type === 'group' &&
    previous !== undefined &&
    last.from === sender.type &&
    last.agentId === (sender.type === 'agent' ? sender.id : null) &&
    new Date(entry.at).getTime() - new Date(previous.at).getTime() < togetherMs
  if (joins) last.entries.push(entry)
  else
    blocks.push({
      type: 'group',
      key: `entry-${entry.seq}`,
      from: sender.type,
      agentId: sender.type === 'agent' ? sender.id : null,
      entries: [entry],
    })
}

function addNote(blocks: Block[], note: Note): void {
  const last = blocks.at(-1)
  const previous = last?.type === 'notes' ? last.notes.at(-1) : undefined
  if (last?.type === 'notes' && previous?.agent.id === note.agent.id) last.notes.push(note)
  else blocks.push({ type: 'notes', key: `note-${note.clientId}`, notes: [note] })
}

/** The same blocks, with each one that has not changed taken from `before`: what is the same object is not drawn again,
 *  and a chat of thousands of lines costs a new line no more than a short one. */
export function reusing(before: readonly Block[], after: Block[]): Block[] {
  const known = new Map(before.map((block) => [block.key, block]))
  return after.map((block) => {
    const old = known.get(block.key)
    return old && same(old, block) ? old : block
  })
}

function same(a: Block, b: Block): boolean {
  if (a.type === 'group') return b.type === 'group' && sameItems(a.entries, b.entries)
  if (a.type === 'notes') return b.type === 'notes' && sameItems(a.notes, b.notes)
  if (a.type === 'system') return b.type === 'system' && a.entry === b.entry
  if (a.type === 'pending') return b.type === 'pending' && a.item === b.item
  return b.type === 'day' && a.at === b.at
}

const sameItems = <Item>(a: readonly Item[], b: readonly Item[]) =>
  a.length === b.length && a.every((item, index) => item === b[index])

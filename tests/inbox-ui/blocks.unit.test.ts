import { expect, test } from 'vitest'
import { type Block, blocksOf, reusing } from '../../inbox-ui/conversations/blocks.ts'
import { aNote, anEntry, byAgent, instant } from './samples.ts'

const dayKey = (at: string) => at.slice(0, 10)
const draw = (told: Partial<Parameters<typeof blocksOf>[0]>) =>
  blocksOf({ entries: [], notes: [], pending: [], dayKey, ...told }).map(inShort)

function inShort(block: Block): string {
  switch (block.type) {
    case 'day':
      return `day ${dayKey(block.at)}`
    case 'system':
      return `${block.entry.kind} ${block.entry.seq}`
    case 'group':
      return `${block.from} ${block.entries.map(({ seq }) => seq).join('+')}`
    case 'notes':
      return `notes ${block.notes.map(({ clientId }) => clientId).join('+')}`
    case 'pending':
      return `pending ${block.item.clientId}`
  }
}

test('messages of one side stand together until the other one writes', () => {
  const entries = [anEntry(1), anEntry(2), anEntry(3, { sender: byAgent }), anEntry(4)]
  expect(draw({ entries })).toEqual(['day 2026-11-22', 'visitor 1+2', 'agent 3', 'visitor 4'])
})

test('a pause of three minutes begins a new group', () => {
  const entries = [
    anEntry(1, { at: instant(0) }),
    anEntry(2, { at: instant(179) }),
    anEntry(3, { at: instant(360) }),
  ]
  expect(draw({ entries })).toEqual(['day 2026-11-22', 'visitor 1+2', 'visitor 3'])
})

test('two agents never share a group', () => {
  const entries = [anEntry(1, { sender: byAgent }), anEntry(2, { sender: { type: 'agent', id: 'agent-2' } })]
  expect(draw({ entries })).toEqual(['day 2026-11-22', 'agent 1', 'agent 2'])
})

test('a new day is announced once', () => {
  const entries = [
    anEntry(1),
    anEntry(2, { at: '2026-11-23T00:00:01Z' }),
    anEntry(3, { at: '2026-11-23T00:00:02Z' }),
  ]
  expect(draw({ entries })).toEqual(['day 2026-11-22', 'visitor 1', 'day 2026-11-23', 'visitor 2+3'])
})

test('a note stands after the line it follows, and parts a group', () => {
  const entries = [anEntry(1), anEntry(2)]
  const notes = [aNote(1, 'a'), aNote(1, 'b'), aNote(2, 'c')]
  expect(draw({ entries, notes })).toEqual([
    'day 2026-11-22',
    'visitor 1',
    'notes a+b',
    'visitor 2',
    'notes c',
  ])
})

test('notes from before the loaded lines wait until those lines are loaded', () => {
  const notes = [aNote(3, 'early'), aNote(9, 'before the first one'), aNote(10, 'late')]
  expect(draw({ entries: [anEntry(10)], notes })).toEqual([
    'day 2026-11-22',
    'notes before the first one',
    'visitor 10',
    'notes late',
  ])
})

test('joined, ended and warning are lines of their own', () => {
  const system = { type: 'system' as const, id: null }
  const entries = [
    anEntry(1),
    anEntry(2, { kind: 'joined', sender: byAgent, text: null }),
    anEntry(3, { kind: 'ended', sender: system, text: null }),
  ]
  expect(draw({ entries })).toEqual(['day 2026-11-22', 'visitor 1', 'joined 2', 'ended 3'])
})

test('what is not stored yet comes last', () => {
  const pending = [
    {
      clientId: 'x',
      conversationId: 'c',
      kind: 'message' as const,
      text: 'soon',
      at: 0,
      state: 'waiting' as const,
      error: '',
    },
  ]
  expect(draw({ entries: [anEntry(1)], pending })).toEqual(['day 2026-11-22', 'visitor 1', 'pending x'])
})

test('a new line leaves every block but its own as it was', () => {
  const told = { notes: [aNote(2, 'n')], pending: [], dayKey }
  const lines = [anEntry(1), anEntry(2, { sender: byAgent }), anEntry(3), anEntry(4, { kind: 'warning' })]
  const before = blocksOf({ ...told, entries: lines })
  const more = blocksOf({ ...told, entries: [...lines, anEntry(5)] })
  const after = reusing(before, more)
  expect(after).toEqual(more)
  expect(after.slice(0, before.length).every((block, index) => block === before[index])).toBe(true)
})

test('a group that grew is another one', () => {
  const told = { notes: [], pending: [], dayKey }
  const before = blocksOf({ ...told, entries: [anEntry(1), anEntry(2)] })
  const after = reusing(before, blocksOf({ ...told, entries: [anEntry(1), anEntry(2), anEntry(3)] }))
  expect(after.map(inShort)).toEqual(['day 2026-11-22', 'visitor 1+2+3'])
  expect(after[1]).not.toBe(before[1])
})

import type { Entry } from '#core/contracts/conversations.ts'
import { clockTime, dayName, sameDay } from '../time.ts'
import { t, words } from '../words.ts'
import type { Unsent } from './outbox.ts'

export type Said = { key: string; text: string; at: number | null; unsent: Unsent | null; file?: Entry }
export type Row =
  | { kind: 'day'; key: string; text: string }
  | { kind: 'line'; key: string; text: string }
  /** A calendar was shared: what can be booked, or what was. */
  | { kind: 'card'; key: string; text: string; token: string }
  /** What one side said in a go, with what is known about its last message. */
  | { kind: 'group'; key: string; mine: boolean; said: Said[]; mark: Mark }
export type Mark =
  | { state: 'agent'; name: string; at: number }
  | { state: 'plain'; at: number }
  | { state: 'sent' | 'read'; at: number }
  | { state: 'sending' | 'waiting' }

/** A pause this long begins a new group. */
const pauseMs = 5 * 60_000

type Known = {
  unsent: readonly Unsent[]
  agentReadSeq: number
  agentName: string | null
  lineOpen: boolean
}

/** A log and what is still on its way, as it is drawn. */
export const arrange = (
  entries: readonly Entry[],
  { unsent, agentReadSeq, agentName, lineOpen }: Known,
): Row[] => {
  const rows: Row[] = []
  let name = agentName
  let last = 0
  for (const entry of entries) {
    const at = Date.parse(entry.at)
    if (!last || !sameDay(last, at)) {
      if (last || !sameDay(at, Date.now()))
        rows.push({ kind: 'day', key: `day ${entry.seq}`, text: dayName(at) })
    }
    if (entry.kind === 'joined' || entry.kind === 'handed_over') name = text(entry.data?.name) ?? name
    const isFile = entry.kind === 'file'
    if ((isFile || entry.kind === 'message') && entry.sender.type !== 'system') {
      const mine = entry.sender.type === 'visitor'
      const before = rows.at(-1)
      // A message keeps its key from the moment it is sent, so that it stays the same element when it is stored.
      const key = mine && entry.clientId ? entry.clientId : `${entry.seq}`
      const said: Said = { key, text: entry.text ?? '', at, unsent: null }
      if (isFile) said.file = entry
      const mark: Mark = mine
        ? { state: entry.seq <= agentReadSeq ? 'read' : 'sent', at }
        : { state: 'agent', name: name ?? '', at }
      if (before?.kind === 'group' && before.mine === mine && at - last < pauseMs) {
        before.said.push(said)
        before.mark = mark
      } else rows.push({ kind: 'group', key: `group ${key}`, mine, said: [said], mark })
    } else {
      const token = entry.kind === 'calendar_shared' ? text(entry.data?.token) : null
      const line = systemLine(entry)
      if (token) rows.push({ kind: 'card', key: `${entry.seq}`, text: entry.text ?? '', token })
      else if (line) rows.push({ kind: 'line', key: `${entry.seq}`, text: line })
    }
    last = at
  }

  // Only the visitor's latest message says whether it was read; those before it were, or will be, with it.
  const mine = rows.filter((row) => row.kind === 'group' && row.mine)
  for (const row of mine.slice(0, unsent.length > 0 ? undefined : -1)) {
    if (row.kind === 'group' && 'at' in row.mark) row.mark = { state: 'plain', at: row.mark.at }
  }
  const pending = unsent
    // A message for later may have no words, where its conversation has them already.
    .filter(({ text, refused }) => text || refused)
    .map((one) => ({ key: one.clientId, text: one.text, at: null, unsent: one }))
  if (pending.length > 0) {
    const mark: Mark = { state: lineOpen ? 'sending' : 'waiting' }
    const before = rows.at(-1)
    if (before?.kind === 'group' && before.mine) {
      before.said.push(...pending)
      before.mark = mark
    } else rows.push({ kind: 'group', key: `group ${pending[0]?.key}`, mine: true, said: pending, mark })
  }
  return rows
}

const text = (value: unknown) => (typeof value === 'string' && value ? value : null)

const systemLine = ({ kind, data, text: said }: Entry): string | null => {
  const name = text(data?.name)
  switch (kind) {
    case 'joined':
      return name ? t('joined', { name }) : words.joinedSomebody
    case 'handed_over':
      return name ? t('handedOver', { name }) : words.findingColleague
    case 'warning': {
      const endsAt = Date.parse(String(data?.endsAt))
      return Number.isNaN(endsAt) ? said : t('warning', { time: clockTime(endsAt) })
    }
    case 'ended': {
      if (data?.reason === 'timeout') return words.endedTimeout
      if (data?.reason === 'visitor') return words.endedByYou
      const by = text(data?.by)
      if (data?.reason === 'agent') return by ? t('endedByAgent', { name: by }) : words.endedByUs
      // Nobody had come: the screen says so itself, with what can be done.
      return null
    }
    case 'message':
    case 'file':
    case 'calendar_shared':
    case 'meeting_booked':
      return said
    default:
      kind satisfies never
      return said
  }
}

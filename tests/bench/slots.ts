/** What slots cost, from what is mirrored of calendars: the one agent a visitor looks at, and 50 of a team. Beside it the least that
 *  it could be: a loop over epoch milliseconds that knows its windows, and every busy time by heart and in order. */
import type { Schedule } from '#core/contracts/availability.ts'
import { type BusyTime, freeStarts, type SlotRules } from '#core/features/meetings/slots.ts'
import { describeMachine, median } from './report.ts'

const hour = 3_600_000
const day = 24 * hour
const days = 60
const agentCount = 50
const rounds = process.argv.includes('--quick') ? 20 : 100
const now = Date.parse('2026-03-02T00:00:00Z')
const zones = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
]

/** Half-hour slots from nine to five of weekdays, and three appointments on each of them. */
const agents = Array.from({ length: agentCount }, (_, place) => {
  const schedule: Schedule = {
    timeZone: zones[place % zones.length] ?? null,
    blocks: [1, 2, 3, 4, 5].flatMap((weekday) => [
      { weekday, start: '09:00', end: '12:30' },
      { weekday, start: '13:00', end: '17:00' },
    ]),
    datesOff: ['2026-04-06'],
  }
  const rules: SlotRules = {
    schedule,
    durationMinutes: 30,
    stepMinutes: 15,
    bufferBeforeMinutes: 0,
    bufferAfterMinutes: 5,
    noticeMinutes: 120,
    daysAhead: 90,
    dailyMax: null,
  }
  const busy: BusyTime[] = Array.from({ length: 3 * days }, (_, one) => {
    const start = now + Math.floor(one / 3) * day + (8 + ((one * 7 + place) % 9)) * hour
    return { start, end: start + ((one % 3) + 1) * (hour / 2) }
  })
  return { rules, busy }
})

const slotsOf = ({ rules, busy }: (typeof agents)[number]) =>
  freeStarts(rules, { now, from: now, to: now + days * day, busy })

/** The windows are given, the busy times sorted; nothing is looked up. */
const floors = agents.map(({ busy }, place) => ({
  windows: Array.from({ length: days }, (_, one) => now + one * day)
    .filter((at) => ![0, 6].includes(new Date(at).getUTCDay()))
    .flatMap((at) => [
      { start: at + (8 - (place % 5)) * hour, end: at + (11.5 - (place % 5)) * hour },
      { start: at + (12 - (place % 5)) * hour, end: at + (16 - (place % 5)) * hour },
    ]),
  busy: busy.toSorted((a, b) => a.start - b.start),
}))
function floorOf({ windows, busy }: (typeof floors)[number]): number[] {
  const starts: number[] = []
  let next = 0
  for (const { start, end } of windows)
    for (let at = start; at + hour / 2 <= end; at += hour / 4) {
      while (next < busy.length && (busy[next] as BusyTime).end <= at) next++
      const stands = busy[next]
      if (!stands || stands.start >= at + hour / 2 + 300_000) starts.push(at)
    }
  return starts
}

function time<T>(of: readonly T[], count: (one: T) => number[]): { ms: number; slots: number } {
  let slots = 0
  const took = Array.from({ length: rounds }, () => {
    const began = performance.now()
    slots = 0
    for (const one of of) slots += count(one).length
    return performance.now() - began
  })
  return { ms: median(took), slots }
}

console.log(describeMachine())
const coldBegan = performance.now()
for (const agent of agents) slotsOf(agent)
const coldMs = performance.now() - coldBegan
const one = time(agents.slice(0, 1), slotsOf)
const all = time(agents, slotsOf)
const floor = time(floors, floorOf)

const kept = [
  { what: `one agent, ${days} days`, ...one, most: 3 },
  { what: `${agentCount} agents, ${days} days`, ...all, most: 60 },
  { what: `${agentCount} agents, the first time in a process`, ms: coldMs, slots: all.slots, most: 60 },
].map(({ what, ms, slots, most }) => {
  console.log(
    `${what.padEnd(48)} ${ms.toFixed(2).padStart(7)} ms  ${slots} slots  limit ≤ ${most} ms  ${ms <= most ? 'kept' : 'BROKEN'}`,
  )
  return ms <= most
})
console.log(
  `${'the same windows and busy times, bare epoch loop'.padEnd(48)} ${floor.ms.toFixed(2).padStart(7)} ms  ${floor.slots} slots  Foyer takes ${(all.ms / floor.ms).toFixed(1)} × as long`,
)
process.exit(kept.every(Boolean) ? 0 : 1)

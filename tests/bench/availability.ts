/** What routing pays to know who of 200 agents is available, 50 times a second, against the least it could be: two
 *  comparisons with known instants an agent. Run with `node tests/bench/availability.ts`. */
import { availabilityAt, type Override, type Schedule } from '#core/features/availability/schedule.ts'

const zones = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Tokyo',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  null,
]
const agentCount = 200
const rounds = 500
const start = Date.parse('2026-03-29T00:30:00Z')

const rows = Array.from({ length: agentCount }, (_, place) => {
  const hour = String(7 + (place % 5)).padStart(2, '0')
  const blocks = [1, 2, 3, 4, 5].map((weekday) => ({ weekday, start: `${hour}:00`, end: '17:00' }))
  const schedule: Schedule = {
    timeZone: zones[place % zones.length] ?? null,
    blocks,
    datesOff: ['2026-12-25'],
  }
  const override: Override | null =
    place % 4 === 0 ? { status: 'available', setAt: new Date(start - place * 1_000) } : null
  return { schedule, override, from: start - 86_400_000, until: start + 86_400_000 }
})

/** Milliseconds a round; the clock moves on by 20 ms each, as it does for routing. */
const time = (round: (at: Date) => number): number => {
  let available = 0
  const began = performance.now()
  for (let n = 0; n < rounds; n++) available += round(new Date(start + n * 20))
  const took = performance.now() - began
  if (available === 0) throw new Error('Nobody was available: the bench measures nothing')
  return took / rounds
}

const floor = (at: Date) => {
  let available = 0
  for (const { from, until } of rows) if (at.getTime() >= from && at.getTime() < until) available++
  return available
}
const count = (at: Date, agents: typeof rows) => {
  let available = 0
  for (const { schedule, override } of agents)
    if (availabilityAt(schedule, override, at).available) available++
  return available
}

const coldBegan = performance.now()
count(new Date(start), rows)
const cold = performance.now() - coldBegan

time(floor)
time((at) => count(at, rows))
const floorMs = time(floor)
const warmMs = time((at) => count(at, rows))
// each read of the database brings new objects
const copies = Array.from({ length: 20 }, () => structuredClone(rows))
let turn = 0
const freshMs = time((at) => count(at, copies[turn++ % copies.length] ?? rows))

const show = (ms: number) => `${(ms * 1_000).toFixed(1)} µs`
console.log(`availabilityAt, ${agentCount} agents a round, ${rounds} rounds`)
console.log(`floor (two comparisons an agent)   ${show(floorMs)}`)
console.log(`first round (nothing remembered)   ${show(cold)}`)
console.log(`same schedule objects              ${show(warmMs)}  ${(warmMs / floorMs).toFixed(0)} × floor`)
console.log(`new schedule objects               ${show(freshMs)}  ${(freshMs / floorMs).toFixed(0)} × floor`)
console.log(`50 rounds a second                 ${((50 * freshMs) / 10).toFixed(2)} % of one core`)

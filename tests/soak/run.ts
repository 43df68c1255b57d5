import { spawn } from 'node:child_process'
import path from 'node:path'

/** `npm run test:soak [-- times [filter …]]`: the tests that try many cases, each with ten times as many of them, or as many
 *  times as asked. Bounded by the same multiple of time, and closed with a line as every test run is. */
const matrices = [
  // availability against the walk along the wall clock
  'tests/core/availability',
  // the log, live state and routing as models
  'tests/core/conversations/message-log.test.ts',
  'tests/core/realtime/live-state.test.ts',
  'tests/core/routing/model.test.ts',
  // whatever anybody may send
  'tests/core/security/fuzz.test.ts',
  // kill -9, round after round
  'tests/faults/kill-9.test.ts',
  // bookings, moves and cancels, killed at each of their steps
  'tests/faults/booking-kill',
  'tests/faults/meeting-kill.test.ts',
  // every screen as axe sees it in its fourth look
  'tests/e2e',
  // routing by several processes, some of them killed
  'tests/faults/routing-storm.test.ts',
  // two offers that run out, and what is done of them meanwhile
  'tests/core/deadlines/missed-offers.test.ts',
  'tests/core/routing/many-full.test.ts',
  // free times against the walk along the wall clock, rules against a reading of their words
  'tests/core/meetings/slots.unit.test.ts',
  'tests/core/routing-rules/matching.unit.test.ts',
  // both CRMs with jobs on Redis
  'tests/core/sync/both-crms.test.ts',
  'tests/core/sync/webhooks.test.ts',
  'tests/core/sync/salesforce-limits.test.ts',
  // damaged backups
  'tests/core/backup/backup.test.ts',
]

const [times = '10', ...filters] = process.argv.slice(2)
const factor = Number(times)
if (!(factor >= 1 && factor <= 1_000)) {
  console.error('Say how many times as many cases as usual, from 1 to 1000: npm run test:soak -- 10')
  process.exit(1)
}
console.log(`Every matrix with ${factor} times its usual cases`)
const longestTest = 60_000 * factor
const args = [
  'run',
  `--testTimeout=${longestTest}`,
  '--project',
  'unit',
  '--project',
  'integration',
  '--project',
  'e2e',
]
const child = spawn('vitest', [...args, ...(filters.length > 0 ? filters : matrices)], {
  cwd: path.join(import.meta.dirname, '../..'),
  env: { ...process.env, FOYER_SOAK: String(factor) },
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => process.exit(code ?? 1))

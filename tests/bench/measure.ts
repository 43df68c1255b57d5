import { setTimeout as delay } from 'node:timers/promises'
import type { Load, Server } from './drivers/driver.ts'
import { inTurns, type LatencyResult, LoadGenerator, type SaturationResult } from './load.ts'
import { cpuSeconds, postgresCpuSeconds, residentBytes } from './process-figures.ts'

export interface Durations {
  warmUpSeconds: number
  rateSeconds: number
  saturationSeconds: number
}

export interface Speed {
  rate: LatencyResult
  rateCpu: Cpu
  saturation: SaturationResult
  saturationCpu: Cpu
  /** Messages sent but not found in the database afterwards, or the other way round. */
  storedWrongly: number
}

/** Seconds of processor time for 1,000 messages, with all that the server still did for them afterwards. */
export interface Cpu {
  server: number
  postgres: number
}

const messagesPerSecond = 500
/** Bursts of five under way at the same time when saturated: a fifth of the conversations. */
const bursts = 200
const quietWithinMs = 20_000
/** Idle seconds differ, and processor time is counted in hundredths. */
const idleSpread = 1.3
const leastSeconds = 0.02

/** Latency at a steady rate, then the most messages a second, on one server that was just started. */
export async function measureSpeed(
  server: Server,
  load: Load,
  postmasterPid: number,
  { warmUpSeconds, rateSeconds, saturationSeconds }: Durations,
): Promise<Speed> {
  const generator = await LoadGenerator.connect(server, load)
  const untilQuiet = await knowingIdle(server, postmasterPid)
  const withCpu = <T extends { sent: number }>(run: () => Promise<T>) =>
    countingCpu(server, postmasterPid, untilQuiet, run)
  try {
    await generator.atRate(messagesPerSecond, warmUpSeconds)
    await generator.saturate(bursts, warmUpSeconds)
    await untilQuiet()
    const [rate, rateCpu] = await withCpu(() => generator.atRate(messagesPerSecond, rateSeconds))
    const [saturation, saturationCpu] = await withCpu(() => generator.saturate(bursts, saturationSeconds))
    const storedWrongly = Math.abs((await server.storedMessages()) - generator.sent)
    return { rate, rateCpu, saturation, saturationCpu, storedWrongly }
  } finally {
    generator.close()
  }
}

/** Bytes of server memory for each of `count` visitors who do nothing but have the page open. */
export async function measureIdleSocket(
  server: Server,
  postmasterPid: number,
  count: number,
): Promise<number> {
  const untilQuiet = await knowingIdle(server, postmasterPid)
  // what the first sockets cost once (compiled code, pools) is not the price of a socket
  const first = await inTurns(500, (n) => server.openVisitor(n))
  for (const socket of first) socket.terminate()
  await untilQuiet()
  const before = residentBytes(server.pid)
  const sockets = await inTurns(count, (n) => server.openVisitor(n))
  try {
    await untilQuiet()
    return (residentBytes(server.pid) - before) / count
  } finally {
    for (const socket of sockets) socket.terminate()
  }
}

async function countingCpu<T extends { sent: number }>(
  server: Server,
  postmasterPid: number,
  untilQuiet: () => Promise<void>,
  run: () => Promise<T>,
): Promise<[T, Cpu]> {
  const before = { server: cpuSeconds(server.pid), postgres: postgresCpuSeconds(postmasterPid) }
  const result = await run()
  await untilQuiet()
  const thousands = result.sent / 1_000
  return [
    result,
    {
      server: (cpuSeconds(server.pid) - before.server) / thousands,
      postgres: (postgresCpuSeconds(postmasterPid) - before.postgres) / thousands,
    },
  ]
}

/** Looks how much processor time server and PostgreSQL use while nobody does anything.
 *  @returns what waits until they use no more again: until what they put off, such as indexing, is done. */
async function knowingIdle(server: Server, postmasterPid: number): Promise<() => Promise<void>> {
  const used = () => cpuSeconds(server.pid) + postgresCpuSeconds(postmasterPid)
  const usedInASecond = async () => {
    const before = used()
    await delay(1_000)
    return used() - before
  }
  let idle = Number.POSITIVE_INFINITY
  for (let look = 0; look < 4; look++) idle = Math.min(idle, await usedInASecond())
  return async () => {
    const deadline = performance.now() + quietWithinMs
    for (let quietLooks = 0; quietLooks < 3 && performance.now() < deadline; )
      quietLooks = (await usedInASecond()) < idle * idleSpread + leastSeconds ? quietLooks + 1 : 0
  }
}

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
const idleShare = 0.05
const quietWithinMs = 20_000

/** Latency at a steady rate, then the most messages a second, on one server that was just started. */
export async function measureSpeed(
  server: Server,
  load: Load,
  postmasterPid: number,
  { warmUpSeconds, rateSeconds, saturationSeconds }: Durations,
): Promise<Speed> {
  const generator = await LoadGenerator.connect(server, load)
  try {
    await generator.atRate(messagesPerSecond, warmUpSeconds)
    await generator.saturate(bursts, warmUpSeconds)
    await untilQuiet(server, postmasterPid)
    const [rate, rateCpu] = await withCpu(server, postmasterPid, () =>
      generator.atRate(messagesPerSecond, rateSeconds),
    )
    const [saturation, saturationCpu] = await withCpu(server, postmasterPid, () =>
      generator.saturate(bursts, saturationSeconds),
    )
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
  // what the first sockets cost once (compiled code, pools) is not the price of a socket
  const first = await inTurns(500, (n) => server.openVisitor(n))
  for (const socket of first) socket.terminate()
  await untilQuiet(server, postmasterPid)
  const before = residentBytes(server.pid)
  const sockets = await inTurns(count, (n) => server.openVisitor(n))
  try {
    await untilQuiet(server, postmasterPid)
    return (residentBytes(server.pid) - before) / count
  } finally {
    for (const socket of sockets) socket.terminate()
  }
}

async function withCpu<T extends { sent: number }>(
  server: Server,
  postmasterPid: number,
  run: () => Promise<T>,
): Promise<[T, Cpu]> {
  const before = { server: cpuSeconds(server.pid), postgres: postgresCpuSeconds(postmasterPid) }
  const result = await run()
  await untilQuiet(server, postmasterPid)
  const thousands = result.sent / 1_000
  return [
    result,
    {
      server: (cpuSeconds(server.pid) - before.server) / thousands,
      postgres: (postgresCpuSeconds(postmasterPid) - before.postgres) / thousands,
    },
  ]
}

/** Waits until server and PostgreSQL have done what they put off, such as indexing. */
async function untilQuiet(server: Server, postmasterPid: number): Promise<void> {
  const used = () => cpuSeconds(server.pid) + postgresCpuSeconds(postmasterPid)
  const deadline = performance.now() + quietWithinMs
  let quietLooks = 0
  for (let before = used(); quietLooks < 3 && performance.now() < deadline; ) {
    await delay(1_000)
    const now = used()
    quietLooks = now - before < idleShare ? quietLooks + 1 : 0
    before = now
  }
}

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** What becomes of the lines. */
export type Weather =
  /** Everything arrives at once. */
  | { is: 'clear' }
  /** Those that are open break, and nobody gets through. */
  | { is: 'cut' }
  /** Everything arrives, later. */
  | { is: 'slow'; delayMs: number }
  /** Those that are open, and those that are opened, carry nothing any more, for ever, and nobody is told. */
  | { is: 'silent' }
  /** What is asked for arrives, and the line breaks before the answer: it is done, and nobody knows. */
  | { is: 'losing answers' }

export interface FaultProxy {
  port: number
  /** How often the weather was felt so far: lines broken or made silent, pieces that came late. */
  readonly harmed: number
  turn(weather: Weather): void
  close(): Promise<void>
}

interface Line {
  isSilent: boolean
  end(): void
}

/** Stands between Foyer and a server of its, and carries bytes as the weather has it. */
export async function startFaultProxy(to: { port: number }): Promise<FaultProxy> {
  let weather: Weather = { is: 'clear' }
  let harmed = 0
  const lines = new Set<Line>()

  const server = createServer((near) => {
    if (weather.is === 'cut') {
      harmed++
      near.destroy()
      return
    }
    const far = connect(to.port, '127.0.0.1')
    const line: Line = {
      isSilent: weather.is === 'silent',
      end() {
        lines.delete(line)
        near.destroy()
        far.destroy()
      },
    }
    lines.add(line)
    for (const socket of [near, far]) {
      socket.setNoDelay(true)
      socket.on('error', line.end)
      socket.on('close', line.end)
    }
    carry(line, near, far)
    carry(line, far, near, () => {
      if (weather.is !== 'losing answers') return true
      harmed++
      line.end()
      return false
    })
  })

  /** In order, each piece as late as the weather it came in has it. */
  function carry(line: Line, from: Socket, into: Socket, mayPass = () => true): void {
    let before = Promise.resolve()
    from.on('data', (bytes) => {
      if (line.isSilent || !mayPass()) return
      const waitMs = weather.is === 'slow' ? weather.delayMs : 0
      if (waitMs > 0) harmed++
      const arrived = waitMs > 0 ? new Promise<void>((resolve) => setTimeout(resolve, waitMs)) : undefined
      before = before.then(async () => {
        await arrived
        if (!line.isSilent && !into.destroyed) into.write(bytes)
      })
    })
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('No port was given')
  return {
    port: address.port,
    get harmed() {
      return harmed
    },
    turn(next) {
      weather = next
      if (next.is !== 'cut' && next.is !== 'silent') return
      harmed += lines.size
      for (const line of [...lines])
        if (next.is === 'cut') line.end()
        else line.isSilent = true
    },
    async close() {
      server.close()
      for (const { end } of [...lines]) end()
      await once(server, 'close')
    },
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import { pathOf, redisServer } from '#tests/support/tools.ts'

export interface TestRedis {
  url: string
  flushAll(): Promise<void>
  /** Kills it and starts another, empty one on the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A Redis of the test's own that keeps nothing on disk. */
export async function startRedis(): Promise<TestRedis> {
  const port = await freePort()
  let server = await launch(port)
  return {
    url: `redis://127.0.0.1:${port}`,
    async flushAll() {
      const client = new Redis(port, '127.0.0.1')
      await client.flushall()
      client.disconnect()
    },
    async restart() {
      await kill(server)
      server = await launch(port)
    },
    stop: () => kill(server),
  }
}

async function launch(port: number): Promise<ChildProcess> {
  const options = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const server = spawn(pathOf(redisServer), options.map(String), { cwd: '/tmp', stdio: 'ignore' })
  const client = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => 20 })
  client.on('error', () => undefined)
  try {
    const ended = once(server, 'exit').then(([code]) => {
      throw new Error(`redis-server ended with ${code}`)
    })
    // when it is killed later, nobody listens any more
    ended.catch(() => undefined)
    await Promise.race([client.ping(), ended])
  } finally {
    client.disconnect()
  }
  return server
}

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  server.kill('SIGKILL')
  await once(server, 'exit')
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || !address) throw new Error('No port was given')
  return address.port
}

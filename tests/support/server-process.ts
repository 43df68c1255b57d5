import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { HopelessError, waitFor } from './wait.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const mostOutput = 200_000

/** A server in a process of its own that says in a JSON line that it is ready and where it listens:
 *  `{"port": 41234, …}`; a worker, which listens nowhere, says `{"worker": …}`. */
export class ServerProcess {
  readonly child: ChildProcess
  /** What it wrote to standard output and standard error so far. */
  output = ''
  port = 0

  private constructor(child: ChildProcess) {
    this.child = child
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-mostOutput)
      })
  }

  /** Starts `node <args>` and waits until it listens.
   *  @throws if it ends before, with what it wrote. */
  static async start(
    args: string[],
    env: NodeJS.ProcessEnv,
    { withinMs = 60_000 } = {},
  ): Promise<ServerProcess> {
    const server = ServerProcess.spawn(args, env)
    const name = `node ${args.join(' ')}`
    const said = await waitFor(
      `${name} listens`,
      () => {
        const line = readyLineIn(server.output)
        if (!line && server.hasEnded) throw new HopelessError(`${name} ended before it listened`)
        return line
      },
      { timeoutMs: withinMs, everyMs: 10 },
    ).catch(async (error: Error) => {
      await server.kill()
      throw new Error(`${error.message}:\n${server.output}`, { cause: error })
    })
    server.port = said.port ?? 0
    return server
  }

  /** Starts it without waiting for anything, for tests about starts that fail or are interrupted. */
  static spawn(args: string[], env: NodeJS.ProcessEnv): ServerProcess {
    const options = {
      cwd: root,
      env: { ...bareEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'] as const,
    }
    return new ServerProcess(spawn(process.execPath, args, { ...options, stdio: [...options.stdio] }))
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('The process did not start')
    return this.child.pid
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** Waits for its end. @returns the exit code, or null if a signal ended it. */
  async ended(): Promise<number | null> {
    if (!this.hasEnded) await once(this.child, 'close')
    return this.child.exitCode
  }

  /** Ends it at once, without a word: kill -9. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended()
  }

  /** Asks it to stop, as a service manager (SIGTERM) or Ctrl-C (SIGINT) would. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal)
    return this.ended()
  }
}

function readyLineIn(output: string): { port?: number; worker?: number } | undefined {
  for (const line of output.split('\n').slice(0, -1)) {
    if (!line.startsWith('{')) continue
    const said = JSON.parse(line) as { port?: number; worker?: number }
    if (said.port !== undefined || said.worker !== undefined) return said
  }
  return undefined
}

/** What a process needs of this one's environment; settings of whoever runs the tests stay out. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG, NODE_COMPILE_CACHE } = process.env
  return { PATH, HOME, TMPDIR, LANG, NODE_COMPILE_CACHE }
}

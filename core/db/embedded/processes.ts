import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether the process runs. A zombie does not: where process 1 never reaps, it stays for ever. */
export async function isRunning(pid: number): Promise<boolean> {
  if (!existsInTable(pid)) return false
  const state = await stateOf(pid)
  return state !== undefined && !'ZX'.includes(state)
}

/** Also true of a zombie, which is what PostgreSQL looks at when it finds a postmaster.pid. */
export function existsInTable(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: there, but somebody else's
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The command a process was started with, arguments parted by blanks; empty if there is none to see. */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const raw = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return raw.replaceAll('\0', ' ').trim()
  }
  return ps(pid, 'command')
}

/** Asks until the answer is yes. @returns false when the time is over. */
export async function becomesTrue(
  condition: () => Promise<boolean> | boolean,
  withinMs: number,
): Promise<boolean> {
  const deadline = performance.now() + withinMs
  while (!(await condition())) {
    if (performance.now() > deadline) return false
    await delay(50)
  }
  return true
}

async function stateOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    // the name before it is in parentheses and may hold anything
    return stat.slice(stat.lastIndexOf(')') + 2)[0]
  }
  return (await ps(pid, 'stat'))[0]
}

async function ps(pid: number, column: 'command' | 'stat'): Promise<string> {
  const answer = await run('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return answer.stdout.trim()
}

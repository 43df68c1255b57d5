import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** What Linux says about processes; other systems have no /proc, and the benchmark says so. */
const ticksPerSecond = () => Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const hertz = process.platform === 'linux' ? ticksPerSecond() : 100

/** Seconds of processor time a process has used so far, without its children. */
export function cpuSeconds(pid: number): number {
  const [user, system] = statFields(pid).slice(11, 13).map(Number) as [number, number]
  return (user + system) / hertz
}

/** Seconds of processor time of PostgreSQL: the postmaster, its children that ended, and those that run. */
export function postgresCpuSeconds(postmasterPid: number): number {
  const own = statFields(postmasterPid).slice(11, 15).map(Number)
  const children = childrenOf(postmasterPid).flatMap((pid) => {
    try {
      return statFields(pid).slice(11, 13).map(Number)
    } catch {
      // ended in between: counted with the postmaster next time
      return []
    }
  })
  return [...own, ...children].reduce((sum, ticks) => sum + ticks, 0) / hertz
}

/** Bytes of memory that are the process's own and in use. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) * 1_024
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return Number(statFields(pid)[1]) === parent
      } catch {
        return false
      }
    })
}

/** The fields of /proc/<pid>/stat after the command's name: state, parent, ... */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

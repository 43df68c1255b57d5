import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import type { Speed } from './measure.ts'

export interface Measured {
  speeds: Speed[]
  idleSocketBytes: number[]
}

export interface Verdict {
  name: string
  bare: number
  foyer: number
  unit: string
  /** What Foyer must keep, in words, and whether it did. */
  limit: string
  kept: boolean
}

export const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}

/** The limits of the issue, each on the median of all runs. */
export function judge(bare: Measured, foyer: Measured): Verdict[] {
  const of = (measured: Measured, pick: (speed: Speed) => number) => median(measured.speeds.map(pick))
  const ratio = (name: string, unit: string, most: number, pick: (speed: Speed) => number): Verdict => {
    const [floor, ours] = [of(bare, pick), of(foyer, pick)]
    return {
      name,
      unit,
      bare: floor,
      foyer: ours,
      limit: `≤ ${most} × the bare server`,
      kept: ours <= most * floor,
    }
  }
  const perSecond = (speed: Speed) => speed.saturation.perSecond
  const faults = (speed: Speed) =>
    [speed.rate, speed.saturation].reduce((sum, run) => sum + run.lost + run.doubled + run.reordered, 0) +
    speed.storedWrongly
  const all = (measured: Measured) => measured.speeds.reduce((sum, speed) => sum + faults(speed), 0)
  const repeats = (measured: Measured) =>
    measured.speeds.reduce((sum, { rate, saturation }) => sum + rate.repeated + saturation.repeated, 0)
  return [
    ratio('send to delivery at 500/s, p50', 'ms', 1.5, (speed) => speed.rate.p50Ms),
    { ...ratio('send to delivery at 500/s, p95', 'ms', Infinity, (speed) => speed.rate.p95Ms), limit: '' },
    ratio('send to delivery at 500/s, p99', 'ms', 2, (speed) => speed.rate.p99Ms),
    {
      name: 'durable messages at most, bursts of five',
      unit: '/s',
      bare: of(bare, perSecond),
      foyer: of(foyer, perSecond),
      limit: '≥ 12,000/s',
      kept: of(foyer, perSecond) >= 12_000,
    },
    ratio(
      'CPU for 1,000 messages, saturated',
      's',
      2,
      ({ saturationCpu: { server, postgres } }) => server + postgres,
    ),
    {
      ...ratio(
        'CPU for 1,000 messages, at 500/s',
        's',
        Infinity,
        ({ rateCpu: { server, postgres } }) => server + postgres,
      ),
      limit: '',
    },
    {
      name: 'lost, doubled, reordered, stored wrongly',
      unit: '',
      bare: all(bare),
      foyer: all(foyer),
      limit: '0',
      kept: all(foyer) === 0,
    },
    {
      name: 'repeated to readers, who drop it',
      unit: '',
      bare: repeats(bare),
      foyer: repeats(foyer),
      limit: '',
      kept: true,
    },
    {
      name: 'memory of an idle visitor socket',
      unit: 'KB',
      bare: median(bare.idleSocketBytes) / 1_024,
      foyer: median(foyer.idleSocketBytes) / 1_024,
      limit: '≤ 15 KB',
      kept: median(foyer.idleSocketBytes) <= 15 * 1_024,
    },
  ]
}

export function table(verdicts: Verdict[]): string {
  const digits = (value: number, unit: string) =>
    Number.isNaN(value)
      ? '–'
      : unit === '/s' || unit === ''
        ? Math.round(value).toLocaleString('en')
        : value.toFixed(unit === 's' ? 4 : 2)
  const rows = verdicts.map(({ name, bare, foyer, unit, limit, kept }) => [
    name,
    `${digits(bare, unit)} ${unit}`.trim(),
    `${digits(foyer, unit)} ${unit}`.trim(),
    bare > 0 && foyer > 0 ? (foyer / bare).toFixed(2) : '–',
    limit,
    limit === '' || Number.isNaN(bare + foyer) ? '' : kept ? 'kept' : 'BROKEN',
  ])
  const all = [['', 'bare server', 'Foyer', 'ratio', 'limit', ''], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function describeMachine(): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${memory} GB, ${process.platform}, Node ${process.versions.node}, commit ${commit}`
}

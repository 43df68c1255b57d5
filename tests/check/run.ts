import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** `npm run check`: everything about the code that needs no running Foyer. All checks run, whatever fails. */
const checks: Record<string, string[]> = {
  'types (TypeScript 7)': ['tsc', '-p', '.'],
  'Svelte components': [
    'svelte-check',
    '--tsconfig',
    'tests/check/tsconfig.svelte.json',
    '--fail-on-warnings',
    '--output',
    'human',
  ],
  'style and lint': ['biome', 'ci', '--colors=off', '--error-on-warnings', '.'],
  'what nobody uses': ['knip', '--no-progress'],
  'who imports whom': ['node', 'tests/check/boundaries.ts'],
  'lock file': ['node', 'tests/check/lock-file.ts'],
  'migration numbers': ['node', 'tests/check/migrations.ts'],
  'widget size': ['node', 'tests/support/widget-size.ts'],
}

const root = fileURLToPath(new URL('../..', import.meta.url))

async function passes(name: string, [command = '', ...args]: string[]): Promise<boolean> {
  const startedAt = performance.now()
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
  const [code, out, errors] = await Promise.all([exited, text(child.stdout), text(child.stderr)])
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (code !== 0) console.log(`${out}${errors}`)
  return code === 0
}

/** Two at a time: more would only make each slower on the machines this runs on. */
async function failuresOf(queue: [string, string[]][]): Promise<string[]> {
  const failures: string[] = []
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift())
      if (!(await passes(...next))) failures.push(next[0])
  }
  await Promise.all([worker(), worker()])
  return failures
}

// first and alone: the widget's size is measured on what it makes
const failures = [
  ...(await failuresOf([['front ends build', ['node', 'inbox-ui/build.ts']]])),
  ...(await failuresOf(Object.entries(checks))),
]
console.log(failures.length === 0 ? 'All checks passed' : `Failed: ${failures.join(', ')}`)
process.exit(failures.length === 0 ? 0 : 1)

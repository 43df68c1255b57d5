import { execFile } from 'node:child_process'
import { expect, test } from 'vitest'

/** Runs samples with the project's own reporter and leak watch. */
function run(...samples: string[]): Promise<{ code: number; lastLine: string; output: string }> {
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'tests/support/samples/vitest.config.ts',
    ...samples,
  ]
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { timeout: 25_000 }, (_error, stdout, stderr) => {
      const lastLine = stdout.trimEnd().split('\n').at(-1) ?? ''
      resolve({ code: child.exitCode ?? -1, lastLine, output: stdout + stderr })
    })
  })
}

test('a run that passes ends with its count and exit code 0', async () => {
  const { code, lastLine } = await run('tidy')
  expect({ code, lastLine }).toEqual({ code: 0, lastLine: '1 passed, 0 failed' })
})

test('tests that fail and files that do not load count as failed', async () => {
  const { code, lastLine } = await run('broken', 'unreadable')
  expect({ code, lastLine }).toEqual({ code: 1, lastLine: '1 passed, 2 failed' })
})

test('a suite that leaves a server and a process behind fails', async () => {
  const { code, lastLine } = await run('leaky')
  expect({ code, lastLine }).toEqual({ code: 1, lastLine: '2 passed, 1 failed' })
})

test('a run without a single test is a failure', async () => {
  const { code, lastLine } = await run('no-such-sample')
  expect({ code, lastLine }).toEqual({ code: 1, lastLine: '0 passed, 1 failed' })
})

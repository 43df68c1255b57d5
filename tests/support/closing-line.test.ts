import { execFile } from 'node:child_process'
import { expect, test } from 'vitest'

interface Run {
  code: number
  lastLine: string
  output: string
}

/** Runs samples with the project's own reporter and leak watch.
 *  @param cutOffAt once this was printed the run is asked to stop, as a time limit would. */
function run(samples: string[], cutOffAt?: string): Promise<Run> {
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'tests/support/samples/vitest.config.ts']
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...args, ...samples], (_error, stdout, stderr) => {
      const lastLine = stdout.trimEnd().split('\n').at(-1) ?? ''
      resolve({ code: child.exitCode ?? -1, lastLine, output: stdout + stderr })
    })
    child.stdout?.on('data', (text: string) => {
      if (cutOffAt && text.includes(cutOffAt)) child.kill()
    })
  })
}

test('a run that passes ends with its count and exit code 0', async () => {
  const { code, lastLine } = await run(['tidy'])
  expect({ code, lastLine }).toEqual({ code: 0, lastLine: '1 passed, 0 failed' })
})

test('tests that fail and files that do not load count as failed', async () => {
  const { code, lastLine } = await run(['broken', 'unreadable'])
  expect({ code, lastLine }).toEqual({ code: 1, lastLine: '1 passed, 2 failed' })
})

test('a suite that leaves a server and a process behind fails', async () => {
  const { code, lastLine, output } = await run(['leaky'])
  expect({ code, lastLine }).toEqual({ code: 1, lastLine: '2 passed, 1 failed' })
  expect(output).toMatch(/This file left behind a server on .*, process \d+/)
})

test('a run that is cut off ends with what it had come to, and has failed', async () => {
  const { code, lastLine } = await run(['endless'], 'is soon over')
  expect({ code, lastLine }).toEqual({ code: 143, lastLine: '1 passed, 1 failed' })
})

test('a test that needed its second try is named', async () => {
  const { lastLine, output } = await run(['flaky'])
  expect(lastLine).toBe('1 passed, 0 failed')
  expect(output).toContain('Passed at a second try: tests/support/samples/flaky.sample.ts > fails at first')
})

test('a run without a single test is a failure', async () => {
  const { code, lastLine } = await run(['no-such-sample'])
  expect({ code, lastLine }).toEqual({ code: 1, lastLine: '0 passed, 1 failed' })
})

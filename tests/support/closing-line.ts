import type { SerializedError } from 'vitest'
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from 'vitest/node'

/** Ends the output of a test run with a line of its own, `123 passed, 0 failed`, that .ci/run and people look for.
 *  What fails outside of a test (a file that does not load, a hook, an unhandled error, a leaked socket) is a failure
 *  too, and so is a run without a single test. A run that is cut off says what it had come to, and that it failed.
 *  Tests that passed at their second try are named before it: each has a fault that somebody should find. */
export default class ClosingLine implements Reporter {
  #lines: string[] | undefined

  onInit({ state }: Vitest): void {
    // on exit, because tear-downs and Vitest itself still print after the last reporter was called
    process.once('exit', () => {
      const lines = this.#lines ?? linesOfHalf(state.getTestModules())
      process.stdout.write(`${lines.join('\n')}\n`)
    })
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    this.#lines = linesOf(modules, unhandledErrors.length)
  }
}

function linesOf(modules: readonly TestModule[], unhandledErrors: number): string[] {
  const { passed, skipped, failed, pending } = count(modules)
  const broken = modules.flatMap(brokenSuites).length + unhandledErrors
  const failures = failed + pending + broken
  return [
    ...secondTries(modules),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    `${passed} passed, ${passed + failures === 0 ? 1 : failures} failed`,
  ]
}

/** Of a run that was interrupted; that is one more failure. */
function linesOfHalf(modules: readonly TestModule[]): string[] {
  const { passed, failed, pending } = count(modules)
  const broken = modules.flatMap(brokenSuites).length
  return [
    ...secondTries(modules),
    `Cut off before the end, with ${pending} tests under way or still to come in the files that were read`,
    `${passed} passed, ${failed + broken + 1} failed`,
  ]
}

function count(modules: readonly TestModule[]): Record<'passed' | 'failed' | 'skipped' | 'pending', number> {
  const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 }
  for (const test of testsOf(modules)) counts[test.result().state]++
  return counts
}

function secondTries(modules: readonly TestModule[]): string[] {
  return testsOf(modules)
    .filter((test) => test.diagnostic()?.flaky)
    .map((test) => `Passed at a second try: ${test.module.relativeModuleId} > ${test.fullName}`)
}

function testsOf(modules: readonly TestModule[]): TestCase[] {
  return modules.flatMap((module) => [...module.children.allTests()])
}

/** The module and its suites that have errors of their own. */
function brokenSuites(module: TestModule): (TestModule | TestSuite)[] {
  return [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0)
}

import type { SerializedError } from 'vitest'
import type { Reporter, TestModule, TestSuite } from 'vitest/node'

/** Ends the output of a test run with a line of its own, `123 passed, 0 failed`, that .ci/run and people look for.
 *  What fails outside of a test (a file that does not load, a hook, an unhandled error, a leaked socket) is a failure
 *  too, and so is a run without a single test. */
export default class ClosingLine implements Reporter {
  #line = '0 passed, 1 failed'
  #skipped = 0

  onInit(): void {
    // on exit, because tear-downs and Vitest itself still print after the last reporter was called
    process.once('exit', () => {
      if (this.#skipped > 0) process.stdout.write(`${this.#skipped} skipped\n`)
      process.stdout.write(`${this.#line}\n`)
    })
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const states = modules
      .flatMap((module) => [...module.children.allTests()])
      .map((test) => test.result().state)
    const count = (state: string) => states.filter((one) => one === state).length
    const passed = count('passed')
    const broken = modules.flatMap(brokenSuites).length + unhandledErrors.length
    const failed = count('failed') + count('pending') + broken
    this.#skipped = count('skipped')
    this.#line = `${passed} passed, ${passed + failed === 0 ? 1 : failed} failed`
  }
}

/** The module and its suites that have errors of their own. */
function brokenSuites(module: TestModule): (TestModule | TestSuite)[] {
  return [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0)
}

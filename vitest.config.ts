import { svelte } from '@sveltejs/vite-plugin-svelte'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { chromiumArguments } from './tests/support/browser-arguments.ts'
import { patienceMs } from './tests/support/patience.ts'
import { findTool, headlessChromium } from './tests/support/tools.ts'

/** Five kinds of tests, told apart by their file names:
 *  - `*.unit.test.ts`: pure code, no database, no socket
 *  - `*.browser.test.ts`: Svelte components in Chromium
 *  - `tests/e2e`, `tests/faults`: the whole Foyer with real browsers, or with processes that get killed
 *  - `*.alone.test.ts`: those that put something in the place of a module, for which nobody else may have loaded it
 *  - every other `*.test.ts`: integration, on a database of its own
 *
 *  For machines with two cores: the components beside pure code, then three files at a time, as their tests mostly wait for
 *  something; the slow ones of whole Foyers first, so that many small ones fill the end. Files share a process
 *  (`isolate: false`), which saves loading Foyer anew for each: a third of the processor time of all integration files. They
 *  share its browser, too.
 *  Tests wait as long as a crowded machine needs; what needed its second try nevertheless is named at the end. A race that
 *  fails once in many tries is a fault, so files with a `@module-tag first-try` have one try only. */
const patient = {
  tags: [{ name: 'first-try', description: 'Fails with its first failure', retry: 0 }],
  testTimeout: 3 * patienceMs,
  hookTimeout: 3 * patienceMs,
  expect: { poll: { timeout: patienceMs } },
}

export default defineConfig({
  test: {
    reporters: ['default', './tests/support/closing-line.ts'],
    globalSetup: ['./tests/support/global-setup.ts'],
    // a failed run should say why; a passed one is read by nobody
    silent: 'passed-only',
    slowTestThreshold: 2_000,
    teardownTimeout: 20_000,
    allowOnly: false,
    projects: [
      {
        test: {
          ...patient,
          name: 'unit',
          include: ['tests/**/*.unit.test.ts'],
          isolate: false,
          sequence: { groupOrder: 1 },
          maxWorkers: 1,
        },
      },
      {
        test: {
          ...patient,
          name: 'integration',
          retry: 1,
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/{e2e,faults}/**', 'tests/**/*.{unit,browser,alone}.test.ts'],
          setupFiles: ['./tests/support/no-leaks.ts'],
          isolate: false,
          sequence: { groupOrder: 2 },
          maxWorkers: 3,
        },
      },
      {
        test: {
          ...patient,
          name: 'alone',
          include: ['tests/**/*.alone.test.ts'],
          setupFiles: ['./tests/support/no-leaks.ts'],
          sequence: { groupOrder: 2 },
          maxWorkers: 3,
        },
      },
      {
        plugins: [svelte({ configFile: false })],
        // found late, it would make Vite reload in the middle of a test
        optimizeDeps: { include: ['fast-check'] },
        test: {
          ...patient,
          name: 'browser',
          include: ['tests/**/*.browser.test.ts'],
          sequence: { groupOrder: 1 },
          maxWorkers: 1,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { executablePath: findTool(headlessChromium), args: chromiumArguments() },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        test: {
          ...patient,
          testTimeout: 5 * patienceMs,
          name: 'e2e',
          retry: 1,
          include: ['tests/{e2e,faults}/**/*.test.ts'],
          globalSetup: ['./tests/support/compiled-ahead.ts'],
          setupFiles: ['./tests/support/no-leaks.ts'],
          sequence: { groupOrder: 2 },
          isolate: false,
          maxWorkers: 3,
        },
      },
    ],
  },
})

import { svelte } from '@sveltejs/vite-plugin-svelte'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { chromiumArguments } from './tests/support/browser-arguments.ts'
import { chromium, findTool } from './tests/support/tools.ts'

/** Four kinds of tests, told apart by their file names:
 *  - `*.unit.test.ts`: pure code, no database, no socket
 *  - `*.browser.test.ts`: Svelte components in Chromium
 *  - `tests/e2e`, `tests/faults`: the whole Foyer with real browsers, or with processes that get killed; one at a time,
 *    because they measure time-outs on a machine that may have two cores
 *  - every other `*.test.ts`: integration, on a database of its own */
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
          name: 'unit',
          include: ['tests/**/*.unit.test.ts'],
          isolate: false,
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/{e2e,faults}/**', 'tests/**/*.{unit,browser}.test.ts'],
          setupFiles: ['./tests/support/no-leaks.ts'],
          isolate: false,
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
          testTimeout: 30_000,
          retry: 1,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [svelte({ configFile: false })],
        // found late, it would make Vite reload in the middle of a test
        optimizeDeps: { include: ['fast-check'] },
        test: {
          name: 'browser',
          include: ['tests/**/*.browser.test.ts'],
          sequence: { groupOrder: 2 },
          maxWorkers: 1,
          testTimeout: 15_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { executablePath: findTool(chromium), args: chromiumArguments() },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['tests/{e2e,faults}/**/*.test.ts'],
          setupFiles: ['./tests/support/no-leaks.ts'],
          isolate: false,
          sequence: { groupOrder: 3 },
          maxWorkers: 1,
          // five people's browsers on two cores: one slow moment is no fault. What needed its second try is reported as such
          retry: 1,
          testTimeout: 90_000,
          hookTimeout: 90_000,
          expect: { poll: { timeout: 15_000 } },
        },
      },
    ],
  },
})

import { defineConfig } from 'vitest/config'

/** For closing-line.test.ts alone: runs the samples beside it, which fail on purpose. */
export default defineConfig({
  test: {
    dir: import.meta.dirname,
    include: ['**/*.sample.ts'],
    env: { FOYER_LEAK_PATIENCE_MS: '500' },
    setupFiles: ['./tests/support/no-leaks.ts'],
    reporters: ['verbose', './tests/support/closing-line.ts'],
  },
})

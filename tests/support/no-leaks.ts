import { afterAll } from 'vitest'
import { closeFile } from './file-end.ts'
import { forgetOpened, stillOpen } from './opened.ts'
import { waitFor } from './wait.ts'

/** Shorter for the samples that leave something behind on purpose. */
const patienceMs = Number(process.env.FOYER_LEAK_PATIENCE_MS ?? 30_000)

/** Closes what a test file has left to its end, and fails it if sockets, servers, processes or threads stay behind
 *  nevertheless: whatever a suite opens, it closes. Runs anew for each file, before the file registers hooks of its
 *  own, and so looks after all of them have run. */
afterAll(async () => {
  try {
    await closeFile()
    await waitFor('everything is closed', () => stillOpen().length === 0, { timeoutMs: patienceMs }).catch(
      () => {
        throw new Error(`This file left behind ${stillOpen().join(', ')}.`)
      },
    )
  } finally {
    // the next file in this process answers for itself only
    forgetOpened()
  }
})

import { StartError } from './errors.ts'

const stopWithinMs = 25_000

/** Runs an entry point: starts it, and on SIGINT or SIGTERM stops it in order, once. What stands in the way of a
 *  start is one plain sentence and exit code 1. A second signal ends at once.
 *  @param start resolves to the function that stops what it started. */
export async function runProcess(start: () => Promise<() => Promise<void>>): Promise<void> {
  let stop: (() => Promise<void>) | undefined
  let stopping = false
  const onSignal = async () => {
    if (stopping) process.exit(130)
    stopping = true
    // what hangs must not keep the process; everything that counts is committed already
    setTimeout(() => process.exit(1), stopWithinMs).unref()
    await started
    await stop?.()
    process.exit(0)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const started = start().then(
    (stopIt) => {
      stop = stopIt
    },
    (error: unknown) => {
      console.error(error instanceof StartError ? error.message : error)
      process.exit(1)
    },
  )
  await started
}

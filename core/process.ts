import { StartError } from './errors.ts'

const stopWithinMs = 25_000

/** Says how to stop something that was just started. @param what as in "… did not stop in order". */
export type OnStop = (what: string, step: () => Promise<unknown>) => void

/**
 * Runs an entry point: starts it, and on SIGINT or SIGTERM stops it in order, once: the last started first, and each
 * step whatever became of those before it. Exit code 0 means that all of them went well. What stands in the way of a
 * start is one plain sentence and exit code 1, after stopping what had started already. A second signal ends at once.
 */
export async function runProcess(start: (onStop: OnStop) => Promise<void>): Promise<void> {
  const steps: { what: string; step: () => Promise<unknown> }[] = []
  let stopping = false

  // what hangs must not keep the process; everything that counts is committed already
  const hurry = () => setTimeout(() => process.exit(1), stopWithinMs).unref()
  /** @returns the exit code. */
  const stop = async () => {
    let code = 0
    for (const { what, step } of steps.toReversed())
      try {
        await step()
      } catch (error) {
        code = 1
        console.error(`${what} did not stop in order:`, error)
      }
    return code
  }
  const onSignal = async () => {
    if (stopping) process.exit(130)
    stopping = true
    hurry()
    await started
    process.exit(await stop())
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const started = start((what, step) => steps.push({ what, step })).catch(async (error: unknown) => {
    console.error(error instanceof StartError ? error.message : error)
    hurry()
    await stop()
    process.exit(1)
  })
  await started
}

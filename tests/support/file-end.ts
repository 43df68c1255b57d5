const closers: (() => Promise<unknown>)[] = []

/** Has something closed once the current test file's own hooks are over. Modules are loaded once and serve many test
 *  files, so a hook that a module registers while it loads would run for the first of them only. */
export function atFileEnd(close: () => Promise<unknown>): void {
  closers.push(close)
}

/** Closes what the file that is ending has asked for, the latest first.
 *  @throws the failures of those that could not be closed, once all were tried. */
export async function closeFile(): Promise<void> {
  const failures: unknown[] = []
  for (const close of closers.splice(0).reverse())
    await close().catch((error: unknown) => {
      failures.push(error)
    })
  if (failures.length > 0) throw new AggregateError(failures, 'This file could not be closed')
}

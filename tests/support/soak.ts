/** How many times as much as usual a slow matrix does: 1, unless `npm run test:soak` says otherwise. */
const factor = Math.max(1, Number(process.env.FOYER_SOAK) || 1)

export const isSoak = factor > 1

/** Runs of a matrix, rounds of a fault: the usual number, or a multiple in a soak.
 *  @param whole what a soak does a multiple of, where the usual number is a part of it */
export const runs = (usual: number, whole = usual): number => (isSoak ? Math.round(whole * factor) : usual)

/** The cases of a matrix of which each takes seconds: those that differ most, and in a soak all of them.
 *  @param usual names of `all` */
export const casesOf = <Name extends string, Case>(
  all: Record<Name, Case>,
  usual: readonly NoInfer<Name>[],
): [Name, Case][] =>
  (Object.entries(all) as [Name, Case][]).filter(([name]) => isSoak || usual.includes(name))

/** Milliseconds after which a matrix counts as stuck, or ends early: longer in a soak, as it does more. */
export const within = (usualMs: number): number => Math.round(usualMs * factor)

/** One run of a property. Of the runs beyond the first `least` none begins when time is over, so a crowded machine does
 *  fewer of them; but never so few that nothing is shown. */
export function atLeast<Values extends unknown[]>(
  least: number,
  usualMs: number,
  run: (...values: Values) => Promise<void>,
): (...values: Values) => Promise<void> {
  const until = performance.now() + within(usualMs)
  let done = 0
  return async (...values) => {
    if (done >= least && performance.now() > until) return
    await run(...values)
    done++
  }
}

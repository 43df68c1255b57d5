/** How many times as much as usual a slow matrix does: 1, unless `npm run test:soak` says otherwise. */
const factor = Math.max(1, Number(process.env.FOYER_SOAK) || 1)

/** Runs of a matrix, rounds of a fault: the usual number, or a multiple of it in a soak. */
export const runs = (usual: number): number => Math.round(usual * factor)

/** Milliseconds after which a matrix counts as stuck, or ends early: longer in a soak, as it does more. */
export const within = (usualMs: number): number => Math.round(usualMs * factor)

/** 90 × 24 hours, whatever clocks did in between. */
export const historyMs = 90 * 24 * 60 * 60_000

/** So many times 24 hours before. */
export const daysBefore = (now: Date, days: number): Date => new Date(now.getTime() - days * 86_400_000)

/** The same date so many months before, or the month's last one, in UTC. */
export const monthsBefore = (now: Date, months: number): Date =>
  new Date(
    Temporal.Instant.fromEpochMilliseconds(now.getTime()).toZonedDateTimeISO('UTC').subtract({ months })
      .epochMilliseconds,
  )

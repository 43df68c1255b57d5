/** The date it was in the organisation's zone. */
export function dateIn(at: Date, timeZone: string): string {
  try {
    return Temporal.Instant.fromEpochMilliseconds(at.getTime())
      .toZonedDateTimeISO(timeZone)
      .toPlainDate()
      .toString()
  } catch {
    // a zone that this machine does not know
    return at.toISOString().slice(0, 10)
  }
}

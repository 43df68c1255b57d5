/** The first instant of a date ("2026-03-29") in a zone: a whole day begins then, even where that clock has no midnight. */
export const startOfDay = (date: string, timeZone: string): Date =>
  new Date(Temporal.PlainDate.from(date).toZonedDateTime(timeZone).epochMilliseconds)

/** @returns the zone if the runtime knows it, else null: vendors and people have names of their own. */
export function knownZone(name: string | null | undefined): string | null {
  if (!name) return null
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return name
  } catch {
    return null
  }
}

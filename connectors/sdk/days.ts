/** The first instant of a date ("2026-03-29") in a zone: a whole day begins then, even where that clock has no midnight. */
export const startOfDay = (date: string, timeZone: string): Date =>
  new Date(Temporal.PlainDate.from(date).toZonedDateTime(timeZone).epochMilliseconds)

/** To ask the runtime takes a tenth of a millisecond, and each time of a calendar names one. */
const asked = new Map<string, string | null>()
const mostAsked = 1_000
const longestName = 100

/** @returns the zone if the runtime knows it, else null: vendors and people have names of their own. */
export function knownZone(name: string | null | undefined): string | null {
  if (!name || name.length > longestName) return null
  const known = asked.get(name)
  if (known !== undefined) return known
  if (asked.size >= mostAsked) asked.clear()
  const zone = isZone(name) ? name : null
  asked.set(name, zone)
  return zone
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

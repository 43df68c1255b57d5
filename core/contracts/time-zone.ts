import { z } from 'zod'

/** The time zone database's own spelling of an IANA zone ("europe/berlin" is Europe/Berlin), or undefined when the
 *  database of this runtime does not know it. An offset such as +02:00 is no zone: it has no clock changes. */
export const canonicalTimeZone = (name: string): string | undefined => {
  if (!/^[A-Za-z]/.test(name)) return undefined
  try {
    return new Temporal.ZonedDateTime(0n, name).timeZoneId
  } catch {
    return undefined
  }
}

/** A zone of the time zone database, in its own spelling. An alias stays the name that was chosen. */
export const TimeZone = z
  .string()
  .max(64, 'A time zone has at most 64 characters.')
  .overwrite((name) => canonicalTimeZone(name) ?? name)
  .refine(
    (name) => canonicalTimeZone(name) !== undefined,
    'This is not a time zone, such as Europe/Rome or UTC.',
  )

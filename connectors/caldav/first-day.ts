import { ProviderAnswerError } from '../sdk/errors.ts'

/**
 * An object that cannot be read makes its calendar unknown, and only its owner can help: they are told where to look for it. In none of its
 * words, since colleagues read the reason where its owner cannot be booked.
 * @throws {ProviderAnswerError}
 */
export function namingFirstDay<T>(text: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    const day = error instanceof ProviderAnswerError ? firstDayIn(text) : null
    if (day === null) throw error
    throw new ProviderAnswerError(
      `${(error as Error).message} It begins on ${day}: change or delete it there.`,
    )
  }
}

/** Not by a parser, which may be what it is too much for. */
function firstDayIn(text: string): string | null {
  const event = text.slice(text.indexOf('BEGIN:VEVENT'))
  const [, year, month, day] = /\nDTSTART[^:\n]{0,200}:(\d{4})(\d\d)(\d\d)/.exec(event) ?? []
  return year ? `${year}-${month}-${day}` : null
}

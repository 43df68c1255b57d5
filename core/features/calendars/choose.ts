import type { ListedCalendar } from '#connectors/sdk/calendar.ts'
import { ConnectorError } from '#connectors/sdk/errors.ts'
import { ConflictError, InvalidInputError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { openConnection } from '../connections/open.ts'
import { findCalendar, keepChoice } from './repository.ts'

const patienceMs = 15_000

/** The calendars of an agent's account, as the provider says now. @throws {ConflictError} `not_connected`, `calendar_failed` */
export async function readChoices(services: Services, agentId: string): Promise<ListedCalendar[]> {
  const row = await findCalendar(services.db, agentId)
  if (!row) throw new ConflictError('not_connected', 'Connect a calendar first.')
  const signal = AbortSignal.timeout(patienceMs)
  try {
    const { connector, connection } = await openConnection(services, row.connectionId, {
      signal,
      priority: 'live',
    })
    return (await connector.calendar?.calendars(connection)) ?? []
  } catch (error) {
    if (error instanceof ConnectorError) throw new ConflictError('calendar_failed', error.message)
    if (signal.aborted)
      throw new ConflictError('calendar_failed', 'The provider did not answer in time. Try again.')
    throw error
  }
}

/** @throws {InvalidInputError} not one of the account's, or one that takes no meetings */
export async function chooseCalendar(
  services: Services,
  agentId: string,
  { calendarId, busyCalendarIds }: { calendarId: string; busyCalendarIds: string[] },
): Promise<void> {
  const choices = await readChoices(services, agentId)
  const chosen = choices.find(({ id }) => id === calendarId)
  if (!chosen) throw invalid('calendarId', 'Your account has no such calendar.')
  if (!chosen.mayWrite)
    throw invalid('calendarId', 'You may not put events into this calendar. Choose another one.')
  for (const id of busyCalendarIds)
    if (!choices.some((one) => one.id === id))
      throw invalid('busyCalendarIds', 'Your account has no such calendar.')
  const others = [...new Set(busyCalendarIds)].filter((id) => id !== calendarId)
  await change(services, ({ tx, now }) =>
    keepChoice(tx, agentId, now, {
      calendarId,
      name: chosen.name,
      timeZone: chosen.timeZone,
      busyCalendarIds: others,
    }),
  )
}

const invalid = (field: string, message: string) => new InvalidInputError(message, [{ field, message }])

/** Most people have one calendar that they mean. Where this does not work, they choose themselves. */
export async function choosePrimary(services: Services, agentId: string): Promise<void> {
  if ((await findCalendar(services.db, agentId))?.calendarId) return
  try {
    const choices = (await readChoices(services, agentId)).filter(({ mayWrite }) => mayWrite)
    const meant =
      choices.find(({ isPrimary }) => isPrimary) ?? (choices.length === 1 ? choices[0] : undefined)
    if (meant) await chooseCalendar(services, agentId, { calendarId: meant.id, busyCalendarIds: [] })
  } catch (error) {
    services.log.warn({ error, agent: agentId }, 'No calendar was chosen right after connecting')
  }
}

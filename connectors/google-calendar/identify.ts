import type { Account, Connection } from '../sdk/contract.ts'
import { ReconnectNeededError } from '../sdk/errors.ts'
import { CalendarEntry, parsed } from './answers.ts'
import { google } from './client.ts'
import { scopes } from './oauth.ts'

/** The primary calendar's id is the account's address. */
export async function identify(connection: Connection): Promise<Account> {
  refuseMissingScopes(connection.account?.details?.scopes)
  const { calendarList } = await google(connection)
  const primary = parsed(CalendarEntry, await calendarList.get({ calendarId: 'primary' }))
  return {
    id: primary.id,
    name: primary.id,
    webOrigin: 'https://calendar.google.com',
    details: { ...connection.account?.details, ...(primary.timeZone ? { timeZone: primary.timeZone } : {}) },
  }
}

/** Google lets people untick some of what was asked for. @throws {ReconnectNeededError} */
function refuseMissingScopes(granted: string | undefined): void {
  if (granted === undefined) return
  const has = new Set(granted.split(' '))
  if (scopes.every((scope) => has.has(scope))) return
  throw new ReconnectNeededError(
    'Not everything was allowed at Google. Connect again, and leave all the boxes about calendars ticked.',
  )
}

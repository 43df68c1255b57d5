import { type DAVResponse, propfind } from 'tsdav'
import type { ListedCalendar } from '../sdk/calendar.ts'
import type { Account, Connection } from '../sdk/contract.ts'
import { knownZone } from '../sdk/days.ts'
import { ProviderAnswerError, RecordGoneError } from '../sdk/errors.ts'
import { zoneOfCalendarText } from './icalendar.ts'
import { addressOf, fetchOf } from './server.ts'

/** RFC 6764: the address that was typed may be the server's, or that of a calendar. */
export async function identify(connection: Connection): Promise<Account> {
  const base = addressOf(connection)
  const principal =
    (await principalAt(connection, base)) ??
    (await principalAt(connection, new URL('/.well-known/caldav', base).href))
  if (principal === null)
    throw new ProviderAnswerError(
      'There is no CalDAV at this address. Check it with whoever runs the server.',
    )
  const [answer] = await read(connection, principal, {
    'c:calendar-home-set': {},
    'c:calendar-user-address-set': {},
  })
  const home = hrefOf(answer?.props?.calendarHomeSet)
  if (home === null) throw new ProviderAnswerError('The server does not say where your calendars are.')
  const homeUrl = new URL(home, principal)
  const { clientId } = connection.credentials
  return {
    id: principal,
    name: `${clientId} (${new URL(base).host})`,
    apiOrigin: homeUrl.origin,
    // the user's name there need not be an address
    details: { home: homeUrl.href, addresses: addressesIn(answer?.props?.calendarUserAddressSet) },
  }
}

async function principalAt(connection: Connection, url: string): Promise<string | null> {
  try {
    const [answer] = await read(connection, url, { 'd:current-user-principal': {} })
    const href = hrefOf(answer?.props?.currentUserPrincipal)
    return href === null ? null : new URL(href, url).href
  } catch (error) {
    if (error instanceof RecordGoneError) return null
    throw error
  }
}

export async function calendars(connection: Connection): Promise<ListedCalendar[]> {
  const home = connection.account?.details?.home
  if (home === undefined) throw new ProviderAnswerError('The server has not said where your calendars are.')
  const props = {
    'd:resourcetype': {},
    'd:displayname': {},
    'd:current-user-privilege-set': {},
    'c:calendar-timezone': {},
    'c:supported-calendar-component-set': {},
  }
  const found = await read(connection, home, props, '1')
  return found.flatMap(({ href, props }) => {
    if (href === undefined || !has(props?.resourcetype, 'calendar') || !takesEvents(props)) return []
    return [
      {
        // an address within the account: what the provider calls it everywhere
        id: new URL(href, home).href,
        name: textOf(props?.displayname) || (href.split('/').filter(Boolean).at(-1) ?? href),
        timeZone: knownZone(zoneOfCalendarText(textOf(props?.calendarTimezone))),
        isPrimary: false,
        mayWrite: mayWrite(props),
      },
    ]
  })
}

const read = (connection: Connection, url: string, props: Record<string, object>, depth: '0' | '1' = '0') =>
  propfind({ url, props, depth, fetch: fetchOf(connection) })

type Props = DAVResponse['props']

const has = (value: unknown, name: string) => typeof value === 'object' && value !== null && name in value

/** A list of tasks is none that a meeting can be put into. Not told: it takes everything. */
function takesEvents(props: Props): boolean {
  const listed = [props?.supportedCalendarComponentSet?.comp ?? []].flat() as {
    _attributes?: { name?: string }
  }[]
  return listed.length === 0 || listed.some(({ _attributes }) => _attributes?.name === 'VEVENT')
}

/** RFC 3744. Not told: the server finds out when it is tried. */
function mayWrite(props: Props): boolean {
  const told = [props?.currentUserPrivilegeSet?.privilege ?? []].flat() as unknown[]
  return (
    told.length === 0 ||
    told.some((one) => ['all', 'write', 'writeContent', 'bind'].some((name) => has(one, name)))
  )
}

/** RFC 6638 2.4.1: under which the user is a guest or a host. With spaces between them. */
const addressesIn = (value: unknown): string =>
  (typeof value === 'object' && value !== null && 'href' in value ? [value.href].flat() : [])
    .map((href) => /^mailto:(\S+)$/i.exec(textOf(href))?.[1]?.toLowerCase())
    .filter((address) => address !== undefined)
    .join(' ')

function hrefOf(value: unknown): string | null {
  const href = typeof value === 'object' && value !== null && 'href' in value ? [value.href].flat()[0] : null
  return typeof href === 'string' && href !== '' ? href : null
}

/** Text, a number that looked like one, or what stood in CDATA. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return has(value, '_cdata') ? textOf((value as { _cdata: unknown })._cdata) : ''
}

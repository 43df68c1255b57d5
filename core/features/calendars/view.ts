import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import type { CalendarConnector, MyCalendar } from '../../contracts/calendars.ts'
import type { Services } from '../../services.ts'
import { findConnectionOf } from '../connections/repository.ts'
import { viewSettings } from '../connections/view.ts'
import { isLongUnread } from './read.ts'
import { type CalendarRow, findCalendar, findOwnConnection } from './repository.ts'

/** "My calendar": how it stands, and where one could be connected. */
export async function viewMyCalendar(services: Services, agentId: string): Promise<MyCalendar> {
  const { db } = services
  const declared = [...services.connectors.values()].filter(({ calendar }) => calendar)
  const connectors = await Promise.all(declared.map((one) => viewConnector(services, one)))
  const [own, row] = await Promise.all([findOwnConnection(db, agentId), findCalendar(db, agentId)])
  connectors.sort((a, b) => a.name.localeCompare(b.name))
  if (!own) return { calendar: null, connectors }
  const isLate = row !== null && stateOf(row) === 'ok' && isUnread(row, services.clock.now())
  const name = services.connectors.get(own.connector)?.name ?? own.connector
  return {
    connectors,
    calendar: {
      connectionId: own.id,
      connector: { id: own.connector, name },
      account: row?.account?.name ?? null,
      state: stateOf(row),
      stateText: row ? stateText(row, isLate) : (own.stateReason ?? `Agree to it at ${name}.`),
      connected: row?.connectionState === 'active',
      late: isLate,
      calendarId: row?.calendarId ?? null,
      name: row?.name ?? null,
      timeZone: row?.timeZone ?? null,
      busyCalendarIds: row?.busyCalendarIds ?? [],
      busyReadAt: row?.busyReadAt?.toISOString() ?? null,
    },
  }
}

async function viewConnector(
  { db }: Services,
  { id, name, auth, settings, calendar }: ConnectorDeclaration,
): Promise<CalendarConnector> {
  return {
    id,
    name,
    kind: auth.kind,
    settings: viewSettings(settings),
    // what an app needs is the admins' to make
    steps: auth.kind === 'password' ? auth.steps : [],
    documentation: auth.documentation,
    video: calendar?.video ?? null,
    ready: auth.kind === 'password' || (await findConnectionOf(db, id)) !== null,
  }
}

/** A connection that broke a moment ago, before its calendar has followed, is broken. */
function stateOf(row: CalendarRow | null): 'connecting' | 'choosing' | 'ok' | 'broken' {
  if (!row) return 'connecting'
  return row.connectionState === 'active' ? row.state : 'broken'
}

/** One that was just chosen is being read. */
const isUnread = ({ busyReadAt, failedSince }: CalendarRow, now: Date): boolean =>
  busyReadAt === null ? failedSince !== null : isLongUnread(busyReadAt, now)

function stateText(row: CalendarRow, isLate: boolean): string {
  switch (stateOf(row)) {
    case 'connecting':
    case 'choosing':
      return 'Choose the calendar that meetings are put into.'
    case 'broken':
      return (
        row.brokenBecause ?? row.connectionReason ?? 'Connect again: the provider does not accept our access.'
      )
    case 'ok':
      if (isLate) return `It could not be read lately. ${row.failedSince ?? ''}`.trim()
      return row.busyReadAt ? 'Connected.' : 'Connected. Your calendar is being read for the first time.'
    default:
      return row.state
  }
}

import type { CalendarDeclaration } from '#connectors/sdk/calendar.ts'
import { createConnection } from '#connectors/sdk/connect.ts'
import type { Connection, ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import type { Crm, CrmDeclaration } from '#connectors/sdk/crm.ts'
import type { Priority } from '#connectors/sdk/turns.ts'
import type { ConnectionState } from '../../contracts/connections.ts'
import { ConflictError, NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { noteFailure, noteSuccess } from './health.ts'
import { type ConnectionRow, findConnection } from './repository.ts'
import { tokenStore } from './secrets.ts'
import { sharedTurns } from './turns.ts'

export interface OpenConnection {
  row: ConnectionRow
  /** As declared; each action also tells the connection's health how it went. */
  connector: ConnectorDeclaration
  connection: Connection
  /** Null for a connector that is no CRM. */
  crm: Crm | null
}

export interface OpenOptions {
  signal: AbortSignal
  /** `live` while an agent or a visitor waits for it. */
  priority: Priority
  /** In which states it may be used; only `active` unless told. */
  states?: readonly ConnectionState[]
}

/** The connection is paused, broken or over. `details.state` says which. */
export class ConnectionClosedError extends ConflictError {
  constructor({ state, stateReason }: Pick<ConnectionRow, 'state' | 'stateReason'>) {
    super('connection_not_active', stateReason ?? words[state], { state })
  }
}

const words: Record<ConnectionState, string> = {
  connecting: 'This connection is not agreed to at the provider yet.',
  active: 'This connection is active.',
  paused: 'This connection is paused.',
  broken: 'The provider does not accept our access any more. Connect again.',
  disconnected: 'This connection is over.',
}

/**
 * A connection with everything its actions need, for one piece of work.
 * @throws {NotFoundError} there is none, or its connector is not installed any more
 * @throws {ConnectionClosedError} it is in none of the states
 */
export async function openConnection(
  services: Services,
  id: string,
  { signal, priority, states = ['active'] }: OpenOptions,
): Promise<OpenConnection> {
  const row = await findConnection(services.db, id)
  if (!row) throw new NotFoundError('connection')
  const declared = services.connectors.get(row.connector)
  if (!declared) throw new NotFoundError(`connector as ${row.connector}`)
  if (!states.includes(row.state)) throw new ConnectionClosedError(row)
  const log = services.log.child({ connection: id, connector: row.connector })
  const connection = createConnection({
    connector: declared,
    id,
    settings: row.settings,
    clientId: row.clientId ?? '',
    account: row.account,
    standIn: services.config.standIns[row.connector] ?? null,
    internalHosts: services.config.internalHosts,
    store: tokenStore(services, id),
    turns: sharedTurns(services, id, declared),
    priority,
    now: () => services.clock.now(),
    signal,
    log: {
      info: (facts, message) => log.info(facts, message),
      warn: (facts, message) => log.warn(facts, message),
    },
  })
  return {
    row,
    connector: watched(services, id, declared),
    connection,
    crm: declared.crm ? { connection, mapping: row.mapping, description: row.description } : null,
  }
}

/** The same actions; how each went is told to the connection's health. */
function watched(services: Services, id: string, declared: ConnectorDeclaration): ConnectorDeclaration {
  const watch =
    <A extends unknown[], R>(action: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      let result: R
      try {
        result = await action(...given)
      } catch (error) {
        await noteFailure(services, id, error).catch((other: unknown) => notNoted(services, other))
        throw error
      }
      await noteSuccess(services, id).catch((error: unknown) => notNoted(services, error))
      return result
    }
  const { crm, calendar } = declared
  return {
    ...declared,
    identify: watch(declared.identify),
    ...(crm ? { crm: watchedCrm(crm, watch) } : {}),
    ...(calendar ? { calendar: watchedCalendar(calendar, watch) } : {}),
  }
}

type Watch = <A extends unknown[], R>(action: (...given: A) => Promise<R>) => (...given: A) => Promise<R>

const watchedCrm = (crm: CrmDeclaration, watch: Watch): CrmDeclaration => ({
  ...crm,
  describe: watch(crm.describe),
  owners: watch(crm.owners),
  findPerson: watch(crm.findPerson),
  readPerson: watch(crm.readPerson),
  activities: watch(crm.activities),
  allPeople: watch(crm.allPeople),
  changes: watch(crm.changes),
  ...(crm.staleHistories ? { staleHistories: watch(crm.staleHistories) } : {}),
  createPerson: watch(crm.createPerson),
  updatePerson: watch(crm.updatePerson),
  logConversation: watch(crm.logConversation),
  logMeeting: watch(crm.logMeeting),
})

const watchedCalendar = (calendar: CalendarDeclaration, watch: Watch): CalendarDeclaration => ({
  ...calendar,
  calendars: watch(calendar.calendars),
  busy: watch(calendar.busy),
  busyEvents: watch(calendar.busyEvents),
  insertEvent: watch(calendar.insertEvent),
  readEvent: watch(calendar.readEvent),
  changeEvent: watch(calendar.changeEvent),
  cancelEvent: watch(calendar.cancelEvent),
  changes: watch(calendar.changes),
})

/** The work went as it went; its health is told by the next. */
const notNoted = ({ log }: Services, error: unknown) =>
  log.warn({ error }, 'A connection’s health was not written down')

import { sql } from 'kysely'
import type { Account } from '#connectors/sdk/contract.ts'
import type { CrmDescription, FieldMapping, PersonField } from '#connectors/sdk/crm.ts'
import type { ConnectionState, WriteBackRules } from '../../contracts/connections.ts'
import type { Db, Tx } from '../../db/pool.ts'

/** An account at a vendor, as the server uses it. What is secret of it is in `secrets.ts`. */
export interface ConnectionRow {
  id: string
  connector: string
  /** Whose own it is; null: of everybody, looked after by admins. */
  agentId: string | null
  state: ConnectionState
  /** A sentence for admins: why it is so. */
  stateReason: string | null
  settings: Record<string, string>
  clientId: string | null
  mapping: FieldMapping
  /** What its statuses are called in Foyer. */
  statusNames: Record<string, string>
  precedence: number
  fieldPrecedence: Partial<Record<PersonField, number>>
  account: Account | null
  description: CrmDescription | null
  describedAt: Date | null
  writeBack: WriteBackRules
  writingOn: boolean
  previewedAt: Date | null
  createdAt: Date
  changedAt: Date
  connectedAt: Date | null
  /** One more with each change by an admin. */
  version: number
}

const columns = sql`
  id, connector, agent_id, state, state_reason, settings, client_id, mapping, status_names, precedence, field_precedence, account, description,
  described_at, write_back, writing_on, previewed_at, created_at, changed_at, connected_at, version`

/** All of admins that are not over, the first in precedence first. Those of single agents are their calendars'. */
export async function readConnections(db: Db | Tx): Promise<ConnectionRow[]> {
  const { rows } = await sql<ConnectionRow>`
    select ${columns} from connections where state <> 'disconnected' and agent_id is null
    order by precedence, created_at, id`.execute(db)
  return rows
}

export async function findConnection(db: Db | Tx, id: string): Promise<ConnectionRow | null> {
  const { rows } = await sql<ConnectionRow>`select ${columns} from connections where id = ${id}`.execute(db)
  return rows[0] ?? null
}

/** The admins' connection of a connector that is not over: of a CRM, or the app that agents connect their calendars by. */
export async function findConnectionOf(db: Db | Tx, connector: string): Promise<ConnectionRow | null> {
  const { rows } = await sql<ConnectionRow>`
    select ${columns} from connections
    where connector = ${connector} and state <> 'disconnected' and agent_id is null`.execute(db)
  return rows[0] ?? null
}

/** Whoever changes a connection holds its row. */
export async function lockConnection(tx: Tx, id: string): Promise<ConnectionRow | null> {
  const { rows } =
    await sql<ConnectionRow>`select ${columns} from connections where id = ${id} for update`.execute(tx)
  return rows[0] ?? null
}

export interface NewConnection {
  id: string
  connector: string
  settings: Record<string, string>
  clientId: string | null
  mapping: FieldMapping
  writeBack: WriteBackRules
  agentId?: string
}

/** Behind those there are. @returns false when this connector, or this agent, has one already. */
export async function insertConnection(tx: Tx, now: Date, connection: NewConnection): Promise<boolean> {
  const { rows } = await sql`
    insert into connections (id, connector, agent_id, settings, client_id, mapping, write_back, precedence, created_at, changed_at)
    select ${connection.id}, ${connection.connector}, ${connection.agentId ?? null}, ${JSON.stringify(connection.settings)}::jsonb, ${connection.clientId},
           ${JSON.stringify(connection.mapping)}::jsonb, ${JSON.stringify(connection.writeBack)}::jsonb,
           coalesce(max(precedence), 0) + 1, ${now}, ${now}
    from connections where state <> 'disconnected'
    on conflict do nothing
    returning id`.execute(tx)
  if (rows.length === 0) return false
  await sql`insert into connection_secrets (connection_id) values (${connection.id})`.execute(tx)
  await sql`insert into connection_health (connection_id) values (${connection.id})`.execute(tx)
  return true
}

/** What an admin changed; one version more. */
export async function updateConnection(
  tx: Tx,
  id: string,
  now: Date,
  to: Partial<
    Pick<
      ConnectionRow,
      | 'settings'
      | 'clientId'
      | 'mapping'
      | 'statusNames'
      | 'precedence'
      | 'fieldPrecedence'
      | 'writeBack'
      | 'writingOn'
    >
  >,
): Promise<void> {
  const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value))
  await sql`
    update connections set
      settings = coalesce(${json(to.settings)}::jsonb, settings), client_id = coalesce(${to.clientId ?? null}, client_id),
      mapping = coalesce(${json(to.mapping)}::jsonb, mapping), status_names = coalesce(${json(to.statusNames)}::jsonb, status_names), precedence = coalesce(${to.precedence ?? null}::integer, precedence),
      field_precedence = coalesce(${json(to.fieldPrecedence)}::jsonb, field_precedence),
      write_back = coalesce(${json(to.writeBack)}::jsonb, write_back),
      writing_on = coalesce(${to.writingOn ?? null}::boolean, writing_on), changed_at = ${now}, version = version + 1
    where id = ${id}`.execute(tx)
}

export async function setPreviewed(db: Db | Tx, id: string, now: Date): Promise<void> {
  await sql`update connections set previewed_at = ${now} where id = ${id}`.execute(db)
}

export async function setState(
  tx: Db | Tx,
  id: string,
  now: Date,
  to: { state: ConnectionState; reason: string | null },
): Promise<void> {
  await sql`
    update connections set state = ${to.state}, state_reason = ${to.reason}, changed_at = ${now},
      was_paused = ${to.state === 'broken'} and ${isPaused},
      connected_at = case when ${to.state} = 'active' and state in ('connecting', 'broken') then ${now} else connected_at end
    where id = ${id}`.execute(tx)
}

/** Now, or when it broke. */
const isPaused = sql<boolean>`(state = 'paused' or (state = 'broken' and was_paused))`

/** It works, again or for the first time: what an admin has paused stays so. @returns the state it is in now */
export async function setUsable(tx: Tx, id: string, now: Date): Promise<'active' | 'paused'> {
  const { rows } = await sql<{ state: 'active' | 'paused' }>`
    update connections set state = case when ${isPaused} then 'paused' else 'active' end, state_reason = null, changed_at = ${now},
      was_paused = false, connected_at = case when state in ('connecting', 'broken') then ${now} else connected_at end
    where id = ${id} returning state`.execute(tx)
  return rows[0]?.state ?? 'active'
}

/** Only what is still in use breaks: a connection that is over stays over. */
export async function markBroken(tx: Db | Tx, id: string, now: Date, reason: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update connections set state = 'broken', state_reason = ${reason}, changed_at = ${now}, was_paused = ${isPaused}
    where id = ${id} and state in ('active', 'paused')`.execute(tx)
  return numAffectedRows === 1n
}

export async function setAccount(tx: Db | Tx, id: string, account: Account): Promise<void> {
  await sql`update connections set account = ${JSON.stringify(account)}::jsonb where id = ${id}`.execute(tx)
}

export async function setDescription(
  db: Db | Tx,
  id: string,
  now: Date,
  description: CrmDescription,
): Promise<void> {
  await sql`
    update connections set description = ${JSON.stringify(description)}::jsonb, described_at = ${now}
    where id = ${id}`.execute(db)
}

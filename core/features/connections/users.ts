import { sql } from 'kysely'
import type { ConnectionUsers } from '../../contracts/connections.ts'
import { NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { findConnection } from './repository.ts'

type User = ConnectionUsers['users'][number]

/** Whom something can belong to at the vendor: its active users, then its queues. @throws {NotFoundError} */
export async function listUsers({ db }: Services, id: string): Promise<User[]> {
  const row = await findConnection(db, id)
  if (!row || row.state === 'disconnected') throw new NotFoundError('connection')
  const { rows } = await sql<User>`
    select external_id as id, name, email, is_queue from crm_users
    where connector = ${row.connector} and active order by is_queue, lower(name), external_id limit 500`.execute(
    db,
  )
  return rows
}

import { sql } from 'kysely'
import { secretPlaces } from './features/connections/secrets.ts'
import { place as pushKeyPlace } from './features/push/keys.ts'
import { sealingOf, UnsealError } from './sealing.ts'
import type { Services } from './services.ts'

interface SealedColumn {
  table: string
  id: string
  column: string
  placeOf(id: string): string
}

/** Everything that is sealed and stays longer than minutes. */
const sealedColumns: SealedColumn[] = [
  { table: 'push_keys', id: 'id', column: 'private_key', placeOf: () => pushKeyPlace },
  ...secretPlaces.map(({ column, placeOf }) => ({
    table: 'connection_secrets',
    id: 'connection_id',
    column,
    placeOf,
  })),
]

/**
 * Seals what is sealed under an old key anew, under FOYER_SECRET_KEY. Run at each start; once it has run, the old key can be
 * taken away. What opens with neither stays as it is, for whoever finds the key.
 * @returns how many secrets were sealed anew.
 */
export async function resealSecrets(services: Services): Promise<number> {
  const sealing = sealingOf(services)
  let resealed = 0
  for (const { table, id, column, placeOf } of sealedColumns)
    await services.db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ id: string; sealed: Buffer }>`
        select ${sql.ref(id)}::text as id, ${sql.ref(column)} as sealed from ${sql.table(table)}
        where ${sql.ref(column)} is not null for update`.execute(tx)
      for (const row of rows) {
        if (sealing.isCurrent(row.sealed)) continue
        try {
          const again = sealing.seal(sealing.open(row.sealed, placeOf(row.id)), placeOf(row.id))
          await sql`update ${sql.table(table)} set ${sql.ref(column)} = ${again} where ${sql.ref(id)}::text = ${row.id}`.execute(
            tx,
          )
          resealed++
        } catch (error) {
          if (!(error instanceof UnsealError)) throw error
          services.log.error(
            `A secret in ${table} opens neither with FOYER_SECRET_KEY nor with FOYER_SECRET_KEY_OLD; it stays as it is`,
          )
        }
      }
    })
  if (resealed > 0) services.log.info(`${resealed} secrets were sealed anew under FOYER_SECRET_KEY`)
  return resealed
}

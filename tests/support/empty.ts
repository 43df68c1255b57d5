import type { Pool } from 'pg'

/** Empties tables, and those that refer to them, while Foyer's jobs from the test before may still hold rows there. Each
 *  waits for what the other has: PostgreSQL then ends one of the two, and the one that is ours goes again. */
export async function empty(pool: Pool, tables: string): Promise<void> {
  for (;;)
    try {
      await pool.query(`truncate ${tables} cascade`)
      return
    } catch (error) {
      if ((error as { code?: string }).code !== deadlockDetected) throw error
    }
}

const deadlockDetected = '40P01'

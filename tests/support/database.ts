import { inject } from 'vitest'
import type { TestDatabase } from './test-cluster.ts'

export interface ScratchDatabase extends TestDatabase {
  drop(): Promise<void>
}

/** A database of the caller's own in the run's PostgreSQL: `migrated` is Foyer's schema without rows, `empty` has
 *  nothing at all. Drop it when done; what still is connected to it gets cut off. */
export async function scratchDatabase(kind: 'migrated' | 'empty' = 'migrated'): Promise<ScratchDatabase> {
  const desk = inject('databaseDesk')
  const database = (await ask(`${desk}/databases/${kind}`, 'POST')) as TestDatabase
  return { ...database, drop: async () => void (await ask(`${desk}/databases/${database.name}`, 'DELETE')) }
}

async function ask(url: string, method: string): Promise<unknown> {
  // no keep-alive: a kept connection would count as a leak of the suite
  const response = await fetch(url, { method, headers: { connection: 'close' } })
  if (!response.ok) throw new Error(`No database for this suite: ${await response.text()}`)
  return response.json()
}

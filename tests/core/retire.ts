import type { TestFoyer } from '#tests/support/foyer.ts'

/** For the end of a test on a shared Foyer: nobody who was here so far is asked any more. */
export async function retireEverybody({ pool }: TestFoyer): Promise<void> {
  await pool.query('update agents set active = false')
}

import { knownMigrations } from '#core/db/migrate.ts'

/** Two who write the next migration at the same time both give it the same number, and git merges that without a word. */
try {
  const names = await knownMigrations()
  console.log(`${names.length} migrations, numbered without gaps`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}

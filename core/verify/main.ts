import { readDataPlace } from '../config.ts'
import { onData } from '../db/embedded/on-data.ts'
import { createPool } from '../db/pool.ts'
import { StartError } from '../errors.ts'
import { findContradictions, ruleCount } from './contradictions.ts'

/** `npm run verify`: whether what Foyer holds contradicts itself. Exit code 1 if it does; nothing is changed. */
const slackMs = 5 * 60_000

try {
  const found = await onData(readDataPlace(process.env), async (url) => {
    const pool = createPool(url, 1, 'foyer verify')
    try {
      return await findContradictions(pool, new Date(Date.now() - slackMs))
    } finally {
      await pool.end()
    }
  })
  for (const { rule, ids, count } of found)
    console.log(`BROKEN ${rule}: ${count.toLocaleString('en')}, such as ${ids.join(', ')}`)
  console.log(
    found.length === 0
      ? `All ${ruleCount} rules are kept.`
      : `${found.length} of ${ruleCount} rules are broken. Keep a backup (npm run backup FILE) and tell whoever looks after Foyer.`,
  )
  process.exitCode = found.length === 0 ? 0 : 1
} catch (error) {
  console.error(error instanceof StartError ? error.message : error)
  process.exitCode = 2
}

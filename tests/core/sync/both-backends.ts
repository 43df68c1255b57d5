import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startVendors, type Vendors } from '#tests/support/crm-vendors.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { isSoak } from '#tests/support/soak.ts'
import { waitFor } from '#tests/support/wait.ts'
import { problemsOf } from '../../connectors/hubspot/contract/validate.ts'
import { startRedis, type TestRedis } from '../../workers/support/redis.ts'

export interface WithVendors {
  foyer: TestFoyer
  vendors: Vendors
}

type Tests = (at: WithVendors, test: (name: string, run: () => Promise<void>) => void) => void

/**
 * A Foyer with both CRMs at its clock, once for each place where jobs may be. `at` is filled before the first test.
 *
 * What a test does with jobs is mostly what others do with them on both, in tests/workers/jobs.test.ts at the least: it is
 * run with jobs on PostgreSQL, and in a soak on Redis, too. Those about delays, races and schedules take Vitest's own `test`.
 */
export function describeOnBothBackends(
  what: string,
  options: Parameters<typeof startVendors>[0],
  tests: Tests,
): void {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.stop())
  describe.each([
    { name: 'PostgreSQL', config: () => ({}), isWhole: true },
    { name: 'Redis', config: () => ({ redisUrl: redis.url }), isWhole: isSoak },
  ])(`${what}, with jobs on $name`, ({ config, isWhole }) => {
    const at = {} as WithVendors
    beforeAll(async () => {
      const vendors = await startVendors(options)
      at.vendors = vendors
      const { connectors, standIns } = vendors
      at.foyer = await startFoyer({ connectors, config: { standIns, ...config() } })
      vendors.clock.now = () => at.foyer.clock.now()
    })
    afterAll(async () => {
      await at.foyer?.close()
      await at.vendors?.stop()
      // whatever a test is about, what was sent is what HubSpot describes
      expect(at.vendors?.hubspot.requests.flatMap(problemsOf)).toEqual([])
    })
    tests(at, (name, run) => {
      if (isWhole) test(name, run)
    })
  })
}

/** Set forward, the clock is past what the process had said of itself, and nobody at it is asked until it says so again. */
export const untilAlive = ({ pool, clock }: TestFoyer) =>
  waitFor('the process is alive by its clock', async () => {
    const { rows } = await pool.query('select alive_until > $1 as alive from processes', [clock.now()])
    return rows.length > 0 && rows.every(({ alive }) => alive)
  })

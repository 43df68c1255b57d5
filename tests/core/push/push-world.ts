import { afterAll, afterEach, expect } from 'vitest'
import type { PushDeviceList } from '#core/contracts/push.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { type FakeBrowser, PushService } from '#tests/support/push-service.ts'
import { waitFor } from '#tests/support/wait.ts'

export const sofia = { name: 'Sofia Ricci', email: 'sofia@northwind.test', company: 'Northwind' }

/** A Foyer and a push service for the tests of one file; each test begins with nobody there. */
export function pushWorld() {
  let service: PushService
  let foyer: TestFoyer

  const start = async () => {
    service = await PushService.start()
    foyer = await startFoyer({ config: { pushUrl: service.origin } })
    return { service, foyer }
  }
  afterEach(async () => {
    await retireEverybody(foyer)
    // who still waits would be put to the agents of the next test
    await foyer.pool.query(`update offers set state = 'withdrawn', closed_at = $1 where state = 'pending'`, [
      foyer.clock.now(),
    ])
    await foyer.pool.query(
      `update conversations set status = 'missed', ended_at = $1, end_reason = 'cancelled' where status = 'waiting'`,
      [foyer.clock.now()],
    )
    // and so would be who talks with somebody who is gone, once a test has moved the clock far enough
    await foyer.pool.query(
      `update conversations set status = 'ended', ended_at = $1, end_reason = 'agent', idle_at = null where status = 'active'`,
      [foyer.clock.now()],
    )
    expect(service.problems).toEqual([])
  })
  afterAll(async () => {
    await foyer.close()
    await service.close()
  })

  const hides = async (agent: AgentActor) => {
    agent.socket.send({ type: 'visible', visible: false })
    await waitFor('nobody sees the inbox', async () => {
      const { rows } = await foyer.pool.query(
        'select visible from presence where subject_id = $1 and dropped_at is null',
        [agent.id],
      )
      return rows.length > 0 && rows.every(({ visible }) => !visible)
    })
  }
  const pushed = (browser: FakeBrowser, kind: string, n = 1) =>
    waitFor(`${n} × ${kind}`, () => {
      const some = browser.received.filter(({ payload }) => payload.kind === kind)
      return some.length >= n ? some[n - 1] : undefined
    })
  const devicesOf = (agent: AgentActor) =>
    agent.http
      .get<ReturnType<typeof PushDeviceList.parse>>('/push-subscriptions')
      .then(({ devices }) => devices)
  const idle = () =>
    waitFor('no notification is on its way', async () => {
      const { rows } = await foyer.pool.query(
        `select p.kind, p.state, o.state as job, o.attempts, o.last_error, o.run_at, o.relayed_at from pushes p
         full join outbox o on o.payload ->> 'pushId' = p.id::text
         where p.state = 'waiting' or (o.state = 'open' and o.task = 'send-push')`,
      )
      if (rows.length > 0) throw new Error(JSON.stringify([foyer.clock.now(), rows]))
      return true
    })

  return { start, hides, pushed, devicesOf, idle }
}

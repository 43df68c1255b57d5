import fc from 'fast-check'
import { beforeAll, test } from 'vitest'
import { runs, within } from '#tests/support/soak.ts'
import { steps } from './commands.ts'
import { cap, type Model, offerTimeoutMs, type Real, tries } from './model.ts'
import { openWorld, type RoutingWorld } from './world.ts'

let world: RoutingWorld

beforeAll(async () => {
  world = await openWorld({ agentCap: cap, offerTries: tries, offerTimeoutMs })
})

test('whatever happens in whatever order, routing does what the product says', {
  timeout: within(120_000),
}, async () => {
  const setUp = async (): Promise<{ model: Model; real: Real }> => {
    await world.clear()
    // round the clock means one block a day: a switch by hand holds until midnight, which no run reaches
    world.clock.set(new Date('2026-03-03T00:30:00Z'))
    const agents = await world.agents(3)
    const known = agents.map(() => ({
      active: true,
      available: true,
      misses: 0,
      socket: { open: true, droppedAt: 0 },
    }))
    return { model: { agents: known, chats: [], last: agents.length - 1 }, real: { world, agents } }
  }
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: 'max' }), (commands) =>
      fc.asyncModelRun(setUp, commands),
    ),
    {
      numRuns: runs(16),
      endOnFailure: false,
      interruptAfterTimeLimit: within(20_000),
      markInterruptAsFailure: false,
    },
  )
})

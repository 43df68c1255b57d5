// @module-tag first-try
import fc from 'fast-check'
import { beforeAll, test } from 'vitest'
import { atLeast, runs, within } from '#tests/support/soak.ts'
import { steps } from './commands.ts'
import { cap, offerTimeoutMs, tries } from './model.ts'
import { aModelWorld } from './model-world.ts'
import { openWorld, type RoutingWorld } from './world.ts'

let world: RoutingWorld

beforeAll(async () => {
  world = await openWorld({ agentCap: cap, offerTries: tries, offerTimeoutMs })
})

test('whatever happens in whatever order, routing does what the product says', {
  timeout: within(180_000),
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.commands(steps, { maxCommands: 60, size: 'max' }),
      atLeast(5, 20_000, (commands) => fc.asyncModelRun(() => aModelWorld(world), commands)),
    ),
    { numRuns: runs(16), endOnFailure: false },
  )
})

// @module-tag first-try
import fc from 'fast-check'
import { beforeAll, test } from 'vitest'
import { atLeast, runs, within } from '#tests/support/soak.ts'
import { steps, stepsOfRules } from './commands.ts'
import { cap, offerTimeoutMs, tries } from './model.ts'
import { aModelWorld, someRules, someSetUp } from './model-world.ts'
import { openWorld, type RoutingWorld } from './world.ts'

let world: RoutingWorld

beforeAll(async () => {
  world = await openWorld({ agentCap: cap, offerTries: tries, offerTimeoutMs })
})

const options = { timeout: within(180_000) }

test('whatever happens in whatever order, routing does what the product says', options, () =>
  fc.assert(
    fc.asyncProperty(
      someSetUp,
      fc.commands(steps, { maxCommands: 60, size: 'max' }),
      atLeast(4, 15_000, (setUp, commands) => fc.asyncModelRun(() => aModelWorld(world, setUp), commands)),
    ),
    { numRuns: runs(6, 11), endOnFailure: false },
  ),
)

test('of rules that change while requests wait, each choice goes by those that stand then', options, () =>
  fc.assert(
    fc.asyncProperty(
      someRules,
      fc.commands(stepsOfRules, { maxCommands: 50, size: 'max' }),
      atLeast(4, 10_000, (setUp, commands) => fc.asyncModelRun(() => aModelWorld(world, setUp), commands)),
    ),
    { numRuns: runs(5, 9), endOnFailure: false },
  ),
)

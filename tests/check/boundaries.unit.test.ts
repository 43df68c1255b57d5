import { expect, test } from 'vitest'
import { findViolations } from './boundaries.ts'

function violationsIn(file: string, source: string): string[] {
  return findViolations('.', [file], () => source).map(({ imports }) => imports)
}

test.each([
  ['core/features/people/service.ts', `import { hubspot } from '#connectors/hubspot/index.ts'`],
  ['core/app.ts', `import { startWorkers } from '../workers/start.ts'`],
  ['core/app.ts', `const later = await import('#workers/start.ts')`],
  ['core/app.ts', `import '#workers/start.ts'`],
  ['core/app.ts', `export * from '#workers/start.ts'`],
  ['core/contracts/agents.ts', `import { NotFoundError } from '../errors.ts'`],
  ['connectors/hubspot/index.ts', `import type { Db } from '#core/db/pool.ts'`],
  ['connectors/hubspot/index.ts', `import { x } from '../salesforce/index.ts'`],
  ['inbox-ui/app/api.ts', `import { FoyerError } from '#core/errors.ts'`],
  ['inbox-ui/app/api.ts', `import { Entry } from '#core/contracts/conversations.ts'`],
  ['widget/app/main.ts', `import {\n  a,\n  b,\n} from '../../inbox-ui/parts/a.ts'`],
  ['widget/app/App.svelte', `<script lang="ts">\n  import { a } from '#core/clock.ts'\n</script>`],
  ['core/clock.ts', `import { waitFor } from '#tests/support/wait.ts'`],
])('%s must not say %s', (file, source) => {
  expect(violationsIn(file, source)).toHaveLength(1)
})

test.each([
  ['core/server.ts', `import { startWorkers } from '#workers/start.ts'`],
  ['core/features/people/service.ts', `import type { Connector } from '#connectors/sdk/contract.ts'`],
  ['connectors/hubspot/index.ts', `import { defineConnector } from '../sdk/contract.ts'`],
  ['connectors/hubspot/index.ts', `import { findPerson } from './find-person.ts'`],
  ['connectors/hubspot/stand-in/index.ts', `import { objectTypes } from '../object-types.ts'`],
  ['workers/start.ts', `import { createPool } from '#core/db/pool.ts'`],
  ['inbox-ui/app/api.ts', `import type { Entry } from '#core/contracts/conversations.ts'`],
  ['inbox-ui/app/api.ts', `import { mount } from 'svelte'`],
  ['core/app.ts', `// import { startWorkers } from '#workers/start.ts'`],
])('%s may say %s', (file, source) => {
  expect(violationsIn(file, source)).toEqual([])
})

import { expect, test } from 'vitest'
import { startFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

test('a job that promises another one wakes the relay for it', async () => {
  const foyer = await startFoyer({ settings: { offerTimeoutMs: 1_000 } })
  await Promise.all([foyer.agent(), foyer.agent()])
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks()
  let woken = 0
  const { services } = foyer.app
  const wake = services.wakeJobs
  services.wakeJobs = () => {
    woken++
    wake()
  }
  // the first offer's end puts the request to the other agent, with a deadline of its own
  foyer.advance(1_000)
  await waitFor('the second offer', async () => {
    const { rows } = await foyer.pool.query('select from offers where conversation_id = $1', [id])
    return rows.length === 2
  })
  await waitFor('the relay is woken', () => woken > 0)
  expect((await foyer.stateOf(id)).status).toBe('waiting')
})

import { expect, test } from 'vitest'
import { buildApp } from '#core/app.ts'
import { startFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { ending } from './line.ts'

test('everybody is back after a restart, with all that was said before and during it', async () => {
  const foyer = await startFoyer({ workers: false })
  const { visitor, agent, id } = await foyer.chat({ first: 'Hello' })
  await visitor.says('Before', { conversationId: id })
  await agent.hears(id, 'Before')
  const { config } = foyer.app.services
  const port = Number(new URL(foyer.origin).port)
  await foyer.app.close()
  for (const actor of [visitor, agent]) expect((await ending(actor.socket)).code).toBe(1012)
  const { rows } = await foyer.pool.query('select from presence where dropped_at is null')
  expect(rows).toEqual([])

  const next = await buildApp(config, { pool: foyer.pool, clock: foyer.clock })
  await next.listen({ host: '127.0.0.1', port })
  // a send that was under way when the server went is sent again
  await visitor.connect()
  await visitor.says('During', { conversationId: id, clientId: 'during' })
  await agent.connect()
  expect(agent.conversations.get(id)).toMatchObject({ status: 'active', lastText: 'During', unread: 3 })
  await agent.says(id, 'After')
  await visitor.hears('After', id)
  await agent.hears(id, 'During')
  visitor.follow(id).resume()
  agent.follow(id).resume()
  const wholeOf = (actor: typeof visitor | typeof agent) =>
    waitFor('the whole log', () => actor.follow(id).entries.length === 5 && actor.follow(id).entries)
  expect(await wholeOf(agent)).toEqual(await wholeOf(visitor))
  await Promise.all([visitor.leaves(), agent.leaves()])
  await next.close()
  await foyer.close()
})

import { expect, vi } from 'vitest'
import { retireEverybody } from '#tests/core/retire.ts'
import { test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { visitorLine } from './line.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

test('an agent hears at once that the visitor comes and goes', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  await visitor.leaves()
  const gone = await agent.socket.frame('presence', (frame) => !frame.online)
  expect(gone.visitorId).toBe(visitor.id)
  await visitor.connect()
  await agent.socket.frame('presence', (frame) => frame.online && frame.visitorId === visitor.id)
  // one of two tabs is enough
  const tab = await visitorLine(foyer)
  tab.send({ type: 'hello', token: visitor.session.token })
  await tab.frame('welcome')
  await visitor.leaves()
  await waitFor('the visitor still counts as there', async () => {
    const { rows } = await foyer.pool.query(
      'select from presence where subject_id = $1 and dropped_at is null',
      [visitor.id],
    )
    return rows.length === 1
  })
  expect(
    (await agent.http.get<{ visitor: { online: boolean } }>(`/conversations/${id}`)).visitor.online,
  ).toBe(true)
  await tab.close()
})

test('whoever comes and goes while the database is slow is gone in the end', async ({ foyer }) => {
  const visitor = await foyer.visitor()
  await visitor.leaves()
  await foyer.pool.query(`
    create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.3); return new; end';
    create trigger slow before insert on presence for each row execute function slow()`)
  const line = await visitorLine(foyer)
  line.send({ type: 'hello', token: visitor.session.token })
  await waitFor('it is being written', async () => {
    const { rows } = await foyer.pool.query(
      `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
    )
    return rows.length > 0
  })
  await line.cut()
  const still = () =>
    foyer.pool.query('select from presence where subject_id = $1 and dropped_at is null', [visitor.id])
  await waitFor('the row is there and dropped', async () => {
    const { rows } = await foyer.pool.query('select from presence where subject_id = $1', [visitor.id])
    return rows.length === 2 && (await still()).rows.length === 0
  })
  await foyer.pool.query('drop trigger slow on presence; drop function slow')
})

test('what could not be written is written once the database is back', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  const warned = vi.spyOn(foyer.app.services.log, 'warn')
  await foyer.pool.query('alter table presence rename to presence_away')
  await visitor.leaves()
  // no other coming or going reminds of it
  await waitFor('it could not be written', () =>
    warned.mock.calls.some(([, said]) => said === 'Presence was not written'),
  )
  warned.mockRestore()
  await foyer.pool.query('alter table presence_away rename to presence')
  await agent.socket.frame('presence', (frame) => !frame.online && frame.visitorId === visitor.id)
  const seen = await agent.http.get<{ visitor: { online: boolean } }>(`/conversations/${id}`)
  expect(seen.visitor.online).toBe(false)
})

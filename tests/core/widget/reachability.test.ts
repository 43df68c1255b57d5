import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { VisitorActor } from '#tests/support/visitor-actor.ts'
import { waitFor } from '#tests/support/wait.ts'

let foyer: TestFoyer

beforeAll(async () => {
  foyer = await startFoyer({ settings: { agentCap: 1 } })
})
afterAll(() => foyer.close())

test('nobody can be reached while everybody has all the chats they can take', async () => {
  const { visitor, agent, id } = await foyer.chat()
  const isOpen = async () => {
    const another = await foyer.visitor()
    return another.session.reachability
  }
  // nobody knows when a chat ends
  await waitFor('the first screen says so', async () => !(await isOpen()).open)
  expect(await isOpen()).toEqual({ open: false, backAt: null })
  await expect(agent.http.post('/demo/test-chat')).rejects.toMatchObject({ status: 409, code: 'full' })
  await visitor.ends(id)
  await waitFor('the first screen says so', async () => (await isOpen()).open)
})

test('two tabs opened together are one visit', async () => {
  const visitor = await foyer.visitor()
  const page = { url: 'https://shop.test/halo', title: 'Halo' }
  const options = { siteKey: foyer.site.key, token: visitor.session.token, page }
  await Promise.all(Array.from({ length: 6 }, () => VisitorActor.arrive(foyer.origin, options)))
  const { rows } = await foyer.pool.query('select count(*)::int as n from visits where visitor_id = $1', [
    visitor.id,
  ])
  expect(rows).toEqual([{ n: 1 }])
})

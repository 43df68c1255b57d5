import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Routing } from '#core/contracts/routing.ts'
import { test } from '#tests/support/foyer.ts'

test('how a chat was routed is for those who may see the chat', async ({ foyer }) => {
  const { agent, id } = await foyer.chat()
  const other = await foyer.agent({ online: false })
  const { steps } = await agent.http.get<Routing>(`/conversations/${id}/routing`)
  expect(steps).toMatchObject([
    {
      n: 1,
      round: 1,
      stage: 'round_robin',
      agent: { id: agent.id },
      outcome: 'asked',
      offer: { state: 'accepted' },
    },
  ])
  await expect(other.http.get(`/conversations/${id}/routing`)).rejects.toMatchObject({ status: 404 })
  await expect(agent.http.get(`/conversations/${randomUUID()}/routing`)).rejects.toMatchObject({
    status: 404,
  })
  await expect(agent.http.get('/conversations/mine/routing')).rejects.toMatchObject({ status: 422 })
  await agent.http.post(`/conversations/${id}/end`, {})
  expect(await other.http.get<Routing>(`/conversations/${id}/routing`)).toEqual({ steps })
})

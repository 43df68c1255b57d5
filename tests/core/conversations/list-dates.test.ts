import { expect } from 'vitest'
import type { ConversationPage } from '#core/contracts/conversations.ts'
import { aConversation, aVisitor } from '#tests/support/factories.ts'
import { test } from '#tests/support/foyer.ts'

const hour = 3_600_000

test('a list is narrowed down to a time: its beginning is in it, its end is not', async ({ foyer }) => {
  const { pool, clock, site } = foyer
  const agent = await foyer.agent({ online: false })
  const now = clock.now()
  const at = (hoursAgo: number) => new Date(now.getTime() - hoursAgo * hour)
  const ended = async (hoursAgo: number) => {
    const { id } = await aVisitor(pool, now, { siteId: site.id })
    const what = {
      siteId: site.id,
      visitorId: id,
      agentId: agent.id,
      at: at(hoursAgo),
      texts: ['Brass lamps'],
    }
    return aConversation(pool, now, { ...what, status: 'ended' })
  }
  const [early, late, last] = [await ended(9), await ended(6), await ended(3)]
  const { id: visitorId } = await aVisitor(pool, now, { siteId: site.id })
  const open = await aConversation(pool, now, {
    siteId: site.id,
    visitorId,
    agentId: agent.id,
    at: at(6),
  })
  const found = async (query: Record<string, string>) => {
    const page = await agent.http.get<ConversationPage>(
      `/conversations?${new URLSearchParams({ ...query, agentId: agent.id })}`,
    )
    return page.conversations.map(({ id }) => id)
  }
  const [from, to] = [at(6).toISOString(), at(3).toISOString()]
  expect(await found({ view: 'all', from, to })).toEqual([open, late])
  expect(await found({ view: 'all', from })).toEqual([open, last, late])
  expect(await found({ view: 'all', to })).toEqual([open, late, early])
  expect(await found({ view: 'all', from, to: from })).toEqual([])
  expect(await found({ view: 'active', to: from })).toEqual([])
})

test('a time that is none is refused', async ({ foyer }) => {
  const agent = await foyer.agent({ online: false })
  for (const query of ['from=yesterday', 'to=2026-11-31', 'from='])
    await expect(agent.http.get(`/conversations?view=all&${query}`)).rejects.toMatchObject({ status: 422 })
})

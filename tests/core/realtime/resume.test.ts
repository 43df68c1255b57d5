// @module-tag first-try
import { expect } from 'vitest'
import type { Entry } from '#core/contracts/conversations.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { aConversation } from '#tests/support/factories.ts'
import { test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

const texts = Array.from({ length: 1_050 }, (_, n) => `line ${n + 1}`)

test('a log of a thousand lines is resumed page by page, by both sides', async ({ foyer }) => {
  const agent = await foyer.agent()
  const visitor = await foyer.visitor()
  const parts = { siteId: foyer.site.id, visitorId: visitor.id, agentId: agent.id, texts }
  const id = await aConversation(foyer.pool, foyer.clock.now(), parts)
  for (const actor of [agent, visitor]) {
    const log = actor.follow(id)
    await waitFor('all of it', () => log.entries.length === texts.length)
    expect(log.texts).toEqual(texts)
    const pages = (actor.socket.frames as { type: string; entries?: Entry[] }[]).filter(
      ({ type }) => type === 'entries',
    )
    expect(pages.map(({ entries }) => entries?.length)).toEqual([200, 200, 200, 200, 200, 50])
  }
  // from somewhere, and from beyond the end
  agent.socket.send({ type: 'resume', conversationId: id, afterSeq: 1_049 })
  const last = await agent.socket.frame('entries', ({ entries }) => entries.length === 1)
  expect(last).toMatchObject({ lastSeq: 1_050, hasMore: false })
  agent.socket.send({ type: 'resume', conversationId: id, afterSeq: 2_000_000_000 })
  expect(await agent.socket.frame('entries', ({ entries }) => entries.length === 0)).toMatchObject({
    lastSeq: 1_050,
    hasMore: false,
  })
})

test('over HTTP the same log is read forwards and backwards without a gap', async ({ foyer }) => {
  const agent = await foyer.agent({ online: false })
  const visitor = await foyer.visitor()
  const parts = { siteId: foyer.site.id, visitorId: visitor.id, agentId: agent.id, texts }
  const id = await aConversation(foyer.pool, foyer.clock.now(), parts)
  for (const read of [
    (range: string) => agent.http.get<Page>(`/conversations/${id}/messages?${range}`),
    (range: string) => visitor.http.get<Page>(`/widget/conversations/${id}/messages?${range}`),
  ]) {
    const forwards: Entry[] = []
    for (let more = true; more; ) {
      const page = await read(`afterSeq=${forwards.at(-1)?.seq ?? 0}`)
      forwards.push(...page.entries)
      more = page.hasMore
    }
    let backwards: Entry[] = (await read('')).entries
    while (backwards[0] && backwards[0].seq > 1)
      backwards = [...(await read(`beforeSeq=${backwards[0].seq}`)).entries, ...backwards]
    expect(forwards.map(({ text }) => text)).toEqual(texts)
    expect(backwards).toEqual(forwards)
  }
})

interface Page {
  entries: Entry[]
  hasMore: boolean
}

test('after a break a client has all it missed, in the order of everybody else', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  await visitor.socket.cut()
  for (let n = 0; n < 30; n++) await agent.says(id, `while you were away ${n}`)
  await agent.socket.cut()
  await visitor.connect()
  await visitor.says('I am back', { conversationId: id })
  await agent.connect()
  await agent.hears(id, 'I am back')
  await visitor.hears('while you were away 29', id)
  visitor.follow(id).resume()
  const wholeOf = (actor: typeof visitor | typeof agent) =>
    waitFor('the whole log', () => {
      const { entries } = actor.follow(id)
      return entries.length === 33 && entries
    })
  const [one, other] = [await wholeOf(agent), await wholeOf(visitor)]
  expect(one).toEqual(other)
})

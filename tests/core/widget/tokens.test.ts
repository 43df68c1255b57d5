import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { aSite } from '#tests/support/factories.ts'
import { startFoyer, test } from '#tests/support/foyer.ts'
import { ending, visitorLine } from '../realtime/line.ts'
import { Browser, identityOf } from './signed.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

const day = 86_400_000
const ask = ({ http }: Browser, text = 'Hello', clientId: string = randomUUID()) =>
  http.post<WidgetConversation>('/widget/conversations', { text, clientId })
const list = async ({ http }: Browser) =>
  (await http.get<{ conversations: WidgetConversation[] }>('/widget/conversations')).conversations
const somebody = () => `user-${randomUUID()}`
const notSignedIn = { status: 401, code: 'not_signed_in' }

test('a signed identity is the same visitor in every browser, each with a token of its own', async ({
  foyer,
}) => {
  const sub = somebody()
  const laptop = await Browser.open(foyer, identityOf(foyer, sub, { name: 'Sofia' }))
  const { id } = await ask(laptop)
  const phone = await Browser.open(foyer, identityOf(foyer, sub))
  expect(phone.session).toMatchObject({ visitorId: laptop.session.visitorId, conversation: { id } })
  expect(phone.session.known.name).toBe('Sofia')
  expect(phone.session.token).not.toBe(laptop.session.token)
  // the same token goes on in the same browser
  const { token } = phone.session
  expect((await phone.comesBack(identityOf(foyer, sub))).token).toBe(token)
  // and another site's user of that name is somebody else
  const other = await aSite(foyer.pool, foyer.clock.now(), { name: 'Other' })
  const there = await Browser.open(
    { origin: foyer.origin, site: other },
    identityOf({ clock: foyer.clock, site: other }, sub),
  )
  expect(there.session.visitorId).not.toBe(laptop.session.visitorId)
})

test('whoever was named has to be named again to read on', async ({ foyer }) => {
  const sub = somebody()
  const browser = await Browser.open(foyer, identityOf(foyer, sub, { email: 'sofia@northwind.test' }))
  const { id } = await ask(browser, 'A secret')
  const named = browser.session
  // signed out: whoever sits there now starts anew
  const stranger = await browser.comesBack()
  expect(stranger).toMatchObject({ conversation: null, known: { email: null } })
  expect(stranger.visitorId).not.toBe(named.visitorId)
  expect(await list(browser)).toEqual([])
  await expect(browser.http.get(`/widget/conversations/${id}/messages`)).rejects.toMatchObject({
    status: 404,
  })
  // somebody else
  const other = await browser.comesBack(identityOf(foyer, somebody()))
  expect(other.conversation).toBeNull()
  expect(other.visitorId).not.toBe(named.visitorId)
  // and herself
  expect(await browser.comesBack(identityOf(foyer, sub))).toMatchObject({
    visitorId: named.visitorId,
    conversation: { id },
  })
})

test('who knew the token of before cannot read what the person says who signs in later', async ({
  foyer,
}) => {
  const browser = await Browser.open(foyer)
  const planted = browser.session.token
  const { id } = await ask(browser, 'Before')
  const line = await visitorLine(foyer)
  line.send({ type: 'hello', token: planted })
  await line.frame('welcome')

  const named = await browser.comesBack(identityOf(foyer, somebody()))
  expect(named.conversation?.id).toBe(id)
  expect(named.token).not.toBe(planted)
  expect(await ending(line, 2_000)).toMatchObject({ code: 4401 })
  browser.http.useToken(planted)
  await expect(list(browser)).rejects.toMatchObject(notSignedIn)
  await line.close()
})

test('chats of before join the person who signs in in that very browser, and only those', async ({
  foyer,
}) => {
  const sub = somebody()
  const agent = await foyer.agent()
  const laptop = await Browser.open(foyer, identityOf(foyer, sub, { name: 'Sofia' }))
  const [phone, strangers] = [await Browser.open(foyer), await Browser.open(foyer)]
  const clientId = randomUUID()
  const { id } = await ask(phone, 'From the phone', clientId)
  await ask(strangers, 'Something else')
  await agent.accepts(id)
  await phone.comesBack(identityOf(foyer, sub))
  expect(phone.session.visitorId).toBe(laptop.session.visitorId)
  expect((await list(phone)).map((one) => one.id)).toEqual([id])
  expect((await list(laptop)).map((one) => one.id)).toEqual([id])
  // it goes on, and what is sent once more is still one message
  await phone.http.post(`/widget/conversations/${id}/messages`, { text: 'From the phone', clientId })
  await laptop.http.post(`/widget/conversations/${id}/messages`, {
    text: 'From the laptop',
    clientId: randomUUID(),
  })
  expect((await foyer.stateOf(id)).texts).toEqual(['From the phone', 'From the laptop'])
  await agent.hears(id, 'From the laptop')
  const panel = await agent.http.get<{ name: string }>(`/visitors/${laptop.session.visitorId}`)
  expect(panel.name).toBe('Sofia')
  expect(agent.conversations.get(id)?.visitor.name).toBe('Sofia')
})

test('one open conversation a visitor: the one on the other device goes on, this one ends', async ({
  foyer,
}) => {
  await foyer.agent()
  const sub = somebody()
  const laptop = await Browser.open(foyer, identityOf(foyer, sub))
  const phone = await Browser.open(foyer)
  const [kept, ended] = [await ask(laptop, 'Laptop'), await ask(phone, 'Phone')]
  const named = await phone.comesBack(identityOf(foyer, sub))
  expect(named.conversation?.id).toBe(kept.id)
  const all = await list(phone)
  expect(all.map(({ id, status }) => [id, status])).toEqual([
    [kept.id, 'waiting'],
    [ended.id, 'missed'],
  ])
})

test('however many browsers come as one person and ask at once, there is one visitor and one open conversation', async () => {
  const limits = { sessionsPerMinute: 10_000, addressBurst: 10_000 }
  const foyer = await startFoyer({ workers: false, settings: { limits, agentCap: 1_000 } })
  await foyer.agent()
  for (let round = 0; round < 15; round++) {
    const sub = somebody()
    const browsers = await Promise.all([0, 1, 2, 3].map(() => Browser.open(foyer)))
    // two of them have asked before they are named
    await Promise.all(browsers.slice(2).map((browser, n) => ask(browser, `Before ${n}`)))
    await Promise.all(
      browsers.map(async (browser, n) => {
        await browser.comesBack(identityOf(foyer, sub))
        await ask(browser, `After ${n}`)
      }),
    )
    expect(new Set(browsers.map(({ session }) => session.visitorId)).size).toBe(1)
    const { rows } = await foyer.pool.query(
      `select count(*)::int as all, count(*) filter (where status in ('waiting', 'active'))::int as open,
         (select count(*)::int from entries e where e.conversation_id = any (array_agg(c.id)) and kind = 'message') as lines
       from conversations c where visitor_id = $1`,
      [browsers[0]?.session.visitorId],
    )
    expect(rows[0]).toMatchObject({ open: 1, lines: 6 })
    const seen = await Promise.all(browsers.map(list))
    for (const one of seen) expect(one).toHaveLength(rows[0].all)
  }
  await foyer.close()
})

test('a browser that forgets takes its token back everywhere, and no other browser’s', async ({ foyer }) => {
  const sub = somebody()
  const [laptop, phone] = [
    await Browser.open(foyer, identityOf(foyer, sub)),
    await Browser.open(foyer, identityOf(foyer, sub)),
  ]
  const lines = [await visitorLine(foyer), await visitorLine(foyer)] as const
  for (const [n, { session }] of [laptop, phone].entries()) {
    lines[n]?.send({ type: 'hello', token: session.token })
    await lines[n]?.frame('welcome')
  }
  await laptop.http.post('/widget/sessions/end')
  expect(await ending(lines[0], 2_000)).toMatchObject({ code: 4401 })
  await expect(list(laptop)).rejects.toMatchObject(notSignedIn)
  expect(await list(phone)).toEqual([])
  expect(lines[1].closed).toBeUndefined()
  const { visitorId } = laptop.session
  expect((await laptop.comesBack()).visitorId).not.toBe(visitorId)
  for (const line of lines) await line.close()
})

test('a token ends when it was not used for half a year, and each visit puts that off', async () => {
  const foyer = await startFoyer({ workers: false })
  const browser = await Browser.open(foyer)
  const { visitorId } = browser.session
  for (let visit = 0; visit < 3; visit++) {
    foyer.clock.advance(179 * day)
    expect((await browser.comesBack()).visitorId).toBe(visitorId)
  }
  foyer.clock.advance(181 * day)
  await expect(list(browser)).rejects.toMatchObject(notSignedIn)
  const line = await visitorLine(foyer)
  line.send({ type: 'hello', token: browser.session.token })
  expect(await ending(line, 2_000)).toMatchObject({ code: 4401 })
  expect((await browser.comesBack()).visitorId).not.toBe(visitorId)
  await foyer.close()
})

import { expect, onTestFinished, test, vi } from 'vitest'
import { OrganisationSettings } from '#core/features/organisation/settings.ts'
import { VisitorLimits } from '#core/realtime/visitor-limits.ts'
import { aVisitor } from '#tests/support/factories.ts'
import { startFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { agentLine, ending, visitorLine } from './line.ts'

test('one visitor, and one agent, may hold so many sockets; a closed one makes room', async () => {
  const settings = { limits: { visitorSockets: 3, agentSockets: 2 } }
  const foyer = await startFoyer({ settings, workers: false })
  const visitor = await aVisitor(foyer.pool, foyer.clock.now(), { siteId: foyer.site.id })
  const come = async () => {
    const line = await visitorLine(foyer)
    line.send({ type: 'hello', token: visitor.token })
    return line
  }
  const first = [await come(), await come(), await come()]
  await Promise.all(first.map((line) => line.frame('welcome')))
  const lines: Pick<(typeof first)[number], 'close'>[] = first
  for (let n = 0; n < 2; n++) expect((await ending(await come())).code).toBe(4429)
  await lines.pop()?.close()
  await waitFor('there is room again', async () => {
    const line = await come()
    lines.push(line)
    await line.frame('welcome')
    return true
  })

  const agent = await foyer.agent()
  const second = await agentLine(foyer, agent)
  const third = await agentLine(foyer, agent)
  expect((await ending(third)).code).toBe(4429)
  expect(agent.socket.closed).toBeUndefined()
  await second.close()
  await waitFor('there is room again', async () => {
    const line = await agentLine(foyer, agent)
    lines.push(line)
    line.send({ type: 'hello', token: agent.me.socketToken })
    await line.frame('welcome')
    return true
  })
  await Promise.all(lines.map((line) => line.close()))
  await foyer.close()
})

test('one visitor may open so many sockets in a time; beyond, none leaves anything behind or takes from others', async () => {
  const hello = { visitorHelloBurst: 5, visitorHelloPerSecond: 0.5, addressHelloBurst: 12 }
  const foyer = await startFoyer({
    settings: { limits: { ...hello, addressHelloPerSecond: 0.1, visitorSockets: 3 } },
    workers: false,
  })
  const [hurried, calm] = await Promise.all(
    [1, 2].map(() => aVisitor(foyer.pool, foyer.clock.now(), { siteId: foyer.site.id })),
  )
  const comes = async (visitor: typeof hurried, url: string) => {
    const line = await visitorLine(foyer)
    line.send({ type: 'hello', token: visitor?.token, page: { url } })
    await waitFor('an answer', () => line.closed ?? line.ofType('welcome')[0], { everyMs: 5 })
    await line.close()
    return line.closed?.reason || 'welcome'
  }
  const began = performance.now()
  const ends: string[] = []
  for (let n = 0; n < 15; n++) ends.push(await comes(hurried, `https://example.test/${n}`))
  const welcomed = ends.filter((end) => end === 'welcome').length
  expect(welcomed).toBeGreaterThanOrEqual(5)
  expect(welcomed).toBeLessThanOrEqual(5 + (performance.now() - began) / 2_000)
  expect(ends.slice(0, 5)).toEqual(Array(5).fill('welcome'))
  expect(new Set(ends)).toEqual(new Set(['welcome', 'Too many sockets opened in a short time']))
  const { rows } = await foyer.pool.query(
    `select (select count(*)::int from presence where subject_id = $1) as sockets,
       (select page_count from visits where visitor_id = $1) as pages`,
    [hurried?.id],
  )
  expect(rows).toEqual([{ sockets: welcomed, pages: welcomed }])
  expect(await comes(calm, 'https://example.test/')).toBe('welcome')
  const comesBack = async () => (await comes(hurried, 'https://example.test/back')) === 'welcome'
  await waitFor('it may come back', comesBack, { everyMs: 100 })
  await foyer.close()
})

test('people who load page after page, and an office that comes back, open no socket too many', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const limits = new VisitorLimits(OrganisationSettings.parse({}).limits)
  const comes = (visitor: string) => limits.take(visitor, '203.0.113.1', 'hello') === 0
  const office = Array.from({ length: 500 }, (_, n) => `visitor-${n}`)
  const crowd = () => office.filter(comes).length
  // the network breaks, and breaks again when all are back
  expect(crowd()).toBe(500)
  vi.advanceTimersByTime(20_000)
  expect(crowd()).toBe(500)
  vi.advanceTimersByTime(60_000)
  // ten minutes of a page a second, with twenty tabs that are restored in the middle
  const own = Array.from({ length: 600 }, (_, second) => {
    vi.advanceTimersByTime(1_000)
    return (second === 300 ? Array<string>(20).fill('reader') : ['reader']).every(comes)
  })
  expect(own.filter((came) => !came)).toEqual([])
  // and a script that does not stop gets as many in a minute, leaving the rest to the others
  let script = 0
  for (let n = 0; n < 6_000; n++) {
    vi.advanceTimersByTime(10)
    if (comes('script')) script++
  }
  expect(script).toBeGreaterThanOrEqual(89)
  expect(script).toBeLessThanOrEqual(91)
  expect(crowd()).toBe(500)
})

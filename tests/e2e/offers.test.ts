import { beforeAll, expect, test } from 'vitest'
import { never } from '../support/factories.ts'
import { InboxScreen } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage({ settings: { offerTimeoutMs: 4_000, visitorGoneMs: 1_000 } })
})

test('an offer accepted in one tab is gone from the other at once', async () => {
  await stage.foyer.pool.query('update agents set active = false')
  const early = await stage.foyer.visitor({ fields: { name: 'Early', email: 'early@contoso.test' } })
  await early.asks('Anybody?')
  const agent = await stage.agent()
  const page = await agent.page.context().newPage()
  const tab = new InboxScreen(page, stage.foyer.origin)
  await page.goto(`${stage.foyer.origin}/inbox`)
  await tab.ready()
  const visitor = await stage.visitor()
  // what moves is not there to be clicked, and a click meant for what stood there before answers nothing
  await agent.page.getByRole('button', { name: /^Missed/ }).click()
  await agent.page
    .getByRole('button', { name: /^Claim/ })
    .first()
    .waitFor()
  await agent.page.evaluate(() => {
    const shell = document.querySelector('.shell')
    const takeClicks = () =>
      [shell, document.querySelector('.quick button')].map((element) => {
        const { x, y, width } = element?.getBoundingClientRect() ?? new DOMRect()
        return element?.contains(document.elementFromPoint(x + width / 2, y + 10)) === true
      })
    const settling: { during?: boolean[]; after?: boolean[] } = {}
    Object.assign(window, { settling })
    new MutationObserver(() => {
      settling[shell?.hasAttribute('data-settling') ? 'during' : 'after'] ??= takeClicks()
    }).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-settling'] })
  })
  await visitor.asks()
  await Promise.all([agent.offers.waitFor(), tab.offers.waitFor()])
  await agent.accept()
  const acceptedAt = performance.now()
  await tab.offers.waitFor({ state: 'detached' })
  expect(performance.now() - acceptedAt).toBeLessThan(1_000)
  await tab.rows.filter({ hasText: 'Sofia Ricci' }).waitFor()
  expect(await agent.page.evaluate(() => (window as unknown as { settling: object }).settling)).toEqual({
    during: [false, false],
    after: [true, true],
  })
})

test('two offers run out, and the visitor can leave a message that comes under Missed', async () => {
  const [dana, marco] = [await stage.agent({ name: 'Dana' }), await stage.agentOffStage({ name: 'Marco' })]
  const visitor = await stage.visitor()
  await visitor.asks({ name: 'Tom Becker', email: 'tom.becker@contoso.test', text: 'Anybody?' })
  await dana.offers.waitFor()
  const countdown = dana.page.getByRole('timer')
  const left = async () => Number.parseInt((await countdown.getAttribute('aria-label')) ?? '', 10)
  const before = await left()
  expect(before).toBeLessThanOrEqual(4)
  await expect.poll(left).toBeLessThan(before)

  await marco.offered()
  expect(await dana.offers.count()).toBe(0)
  await visitor.says('Nobody is free right now. Leave a message and we will write to you.')
  expect(marco.offers.size).toBe(0)
  expect(await visitor.field('Email').inputValue()).toBe('tom.becker@contoso.test')
  await visitor.field('Anything to add?').fill('Please write me about blue racks')
  await visitor.button('Leave a message').click()
  await visitor.says('Thank you, we have your message')

  await dana.page.getByRole('button', { name: /^Missed \d/ }).click()
  await dana.rows.getByText('Tom Becker').click()
  await dana.hears('Please write me about blue racks')
  await dana.rows.getByText('Message left').waitFor()
})

test('with nobody there the first screen says so and takes a message', async () => {
  const nobody = await stage.agent({ schedule: never })
  const visitor = await stage.visitor()
  await visitor.open()
  await visitor.says('Nobody is here right now')
  expect(await visitor.button('Chat with us').count()).toBe(0)
  await visitor.frame.getByRole('button', { name: /^Leave a message/ }).click()
  await visitor.field('Name').fill('Lena Koch')
  await visitor.field('Email').fill('lena')
  await visitor.message.fill('Do you ship to Graz?')
  await visitor.button('Leave a message').click()
  await visitor.says('An e-mail address has an @, as in name@example.com')
  await visitor.field('Email').fill('lena.koch@example.test')
  await visitor.button('Leave a message').click()
  await visitor.says('Thank you, we have your message')
  await visitor.says('We will answer as soon as we can.')

  await nobody.page.getByRole('button', { name: /^Missed/ }).click()
  await nobody.rows.filter({ hasText: 'Lena Koch' }).waitFor()
})

test('an offer goes when its visitor takes the request back, and when they leave', async () => {
  await withLongOffers(async () => {
    const agent = await stage.agent()
    const visitor = await stage.visitor()
    await visitor.asks()
    await agent.offers.waitFor()
    await visitor.button('More').click()
    await visitor.says('Take your request back?')
    await visitor.button('Cancel request').click()
    await visitor.says('You took the request back. Write again any time.')
    await agent.offers.waitFor({ state: 'detached' })

    await visitor.say('Or rather not')
    await agent.offers.waitFor()
    await visitor.page.close()
    await agent.offers.waitFor({ state: 'detached' })
    const { rows } = await stage.foyer.pool.query<{ reason: string }>(
      'select end_reason as reason from conversations order by requested_at desc limit 1',
    )
    expect(rows[0]?.reason).toBe('visitor_left')
  })
})

test('an agent who goes unavailable is asked no more, and the next one is asked', async () => {
  await withLongOffers(async () => {
    const dana = await stage.agent({ name: 'Dana Weber' })
    const visitor = await stage.visitorOffStage()
    const { id } = await visitor.asks()
    await dana.offers.waitFor()
    const marco = await stage.agentOffStage({ name: 'Marco Bianchi' })
    await dana.available.click()
    await dana.offers.waitFor({ state: 'detached' })
    await marco.accepts(id)
  })
})

/** For what must not race with an offer running out. */
async function withLongOffers(run: () => Promise<void>): Promise<void> {
  const { settings } = stage.foyer.app.services
  const usual = settings.offerTimeoutMs
  settings.offerTimeoutMs = 100_000
  try {
    await run()
  } finally {
    settings.offerTimeoutMs = usual
  }
}

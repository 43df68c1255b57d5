import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { identityOf } from '../core/widget/signed.ts'
import { type Stage, setStage } from '../support/stage.ts'
import { waitFor } from '../support/wait.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

interface Foyer {
  identify(jwt: string): void
  forget(): void
}
const call = (page: Page, name: keyof Foyer, ...args: string[]) =>
  page.evaluate(
    ([name, ...args]) => {
      const { Foyer } = window as unknown as { Foyer: Record<string, (...args: string[]) => void> }
      Foyer[name as string]?.(...args)
    },
    [name, ...args],
  )
const kept = (page: Page) => page.evaluate(() => JSON.stringify(localStorage))

test('a signed user goes on with the chat in another browser, and leaves nothing to the next person', async () => {
  const agent = await stage.agentOffStage()
  const sofia = identityOf(stage.foyer, 'user-1', {
    name: 'Sofia Ricci',
    email: 'sofia.ricci@northwind.test',
  })
  const laptop = await stage.visitor()
  await laptop.launcher.waitFor()
  await call(laptop.page, 'identify', sofia)
  await laptop.open()
  await laptop.button('Chat with us').click()
  // signed, so not asked again
  await laptop.message.fill('From the laptop')
  await laptop.button('Start chat').click()
  const { id } = await agent.accepts()

  const phone = await stage.visitor()
  await phone.launcher.waitFor()
  await call(phone.page, 'identify', sofia)
  await phone.open()
  await phone.says('From the laptop')
  await phone.say('From the phone')
  await laptop.says('From the phone')

  // she signs out on the laptop
  await call(laptop.page, 'forget')
  const { pool } = stage.foyer
  await waitFor('one token is left', async () => {
    const { rows } = await pool.query(
      `select count(*)::int as n from visitor_tokens t join visitors v on v.id = t.visitor_id
       where v.identity_subject = 'user-1'`,
    )
    return rows[0].n === 1
  })
  await waitFor('the page keeps nothing', async () => (await kept(laptop.page)) === '{}')
  await laptop.open()
  await laptop.button('Chat with us').click()
  await laptop.field('Email').waitFor()
  expect(await laptop.frame.getByText('From the laptop').count()).toBe(0)
  // and goes on with the phone
  await phone.say('Still here')
  await agent.hears(id, 'Still here')
})

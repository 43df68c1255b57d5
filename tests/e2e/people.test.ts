import { beforeAll, expect, test } from 'vitest'
import { screenshot, sizes } from '../support/browser.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

test('on a phone a person of the directory is read without scrolling sideways', async () => {
  await stage.foyer.pool.query(
    `insert into people (id, email, name, job_title, phone, company, crm_status, updated_at)
     select gen_random_uuid(), 'somebody.with.a.long.name.' || n || '@northwind-industries.test', 'Tom Becker ' || n,
            'Head of Purchasing', '+49 30 1234567', 'Northwind Industries', 'Customer', now()
     from generate_series(1, 60) n`,
  )
  const { page } = await stage.agent({
    profile: 'admin',
    browser: { viewport: sizes.phone },
    at: 'people',
  })
  const table = page.getByRole('region', { name: 'People' })
  const rows = table.getByRole('row')
  await rows.filter({ hasText: 'Head of Purchasing' }).first().waitFor()
  const tom = rows.filter({ hasText: 'Tom Becker' }).first()
  for (const said of ['@northwind-industries.test', 'Head of Purchasing', '+49 30 1234567', 'Customer'])
    await tom.getByText(said).waitFor()
  expect(await table.evaluate((it) => it.scrollWidth - it.clientWidth)).toBe(0)
  await screenshot(page, 'people-phone')
  // only those in sight are drawn, and scrolling brings the others
  const drawn = await rows.count()
  expect(drawn).toBeLessThan(40)
  await expect
    .poll(async () => {
      await table.evaluate((it) => it.scrollTo({ top: it.scrollHeight }))
      return table.locator('[aria-rowindex="61"]').count()
    })
    .toBe(1)
  await axeFindsNothing(page, 'people, also on a phone')
})

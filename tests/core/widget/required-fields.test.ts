import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { SiteSettings } from '#core/contracts/sites.ts'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import { aSite } from '#tests/support/factories.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'

const fields: SiteSettings['fields'] = [
  { name: 'name', required: true },
  { name: 'jobTitle', required: true },
  { name: 'company', required: false },
]
const email = 'sofia.ricci@northwind.test'

const aVisitor = async (foyer: TestFoyer) => {
  const site = await aSite(foyer.pool, foyer.clock.now(), { settings: { fields } })
  const { http } = await foyer.visitor({ siteKey: site.key })
  const leave = (given: object) =>
    http.post<WidgetConversation>('/widget/messages', {
      fields: given,
      text: 'Later',
      clientId: randomUUID(),
    })
  return { leave }
}

test('a message for later without what the site asks for is refused, and says which fields', async ({
  foyer,
}) => {
  const { leave } = await aVisitor(foyer)
  await expect(leave({ email })).rejects.toMatchObject({
    status: 422,
    code: 'invalid_input',
    problem: { errors: [{ field: 'fields.name' }, { field: 'fields.jobTitle' }] },
  })
  await expect(leave({ email, name: 'Sofia Ricci', jobTitle: ' ' })).rejects.toMatchObject({
    problem: { errors: [{ field: 'fields.jobTitle' }] },
  })
})

test('what this visitor has given before is not asked for again', async ({ foyer }) => {
  const { leave } = await aVisitor(foyer)
  expect((await leave({ email, name: 'Sofia Ricci', jobTitle: 'Buyer' })).messageLeft).toBe(true)
  expect((await leave({ email })).messageLeft).toBe(true)
})

import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import { aSite } from '#tests/support/factories.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'

/** Where a site asks for a tick at its privacy notice, what was accepted before the first message is kept, as it was then. */

const privacy = { notice: 'We keep what you write.', url: 'https://shop.test/privacy', tick: true }

const email = 'sofia.ricci@northwind.test'

const aVisitor = async (foyer: TestFoyer) => {
  const site = await aSite(foyer.pool, foyer.clock.now(), { settings: { privacy } })
  const { http } = await foyer.visitor({ siteKey: site.key })
  const says = (path: '/widget/conversations' | '/widget/messages', consent?: boolean) =>
    http.post<WidgetConversation>(path, { fields: { email }, text: 'Hello', clientId: randomUUID(), consent })
  return { site, says }
}

const kept = async (foyer: TestFoyer, id: string) => {
  const { rows } = await foyer.pool.query(
    'select notice_accepted_at = requested_at as "atOnce", notice_text as notice, notice_url as url from conversations where id = $1',
    [id],
  )
  return rows[0]
}

for (const path of ['/widget/conversations', '/widget/messages'] as const)
  test(`${path} keeps the notice that was accepted, and when`, async ({ foyer }) => {
    const { site, says } = await aVisitor(foyer)
    await expect(says(path)).rejects.toMatchObject({
      status: 422,
      problem: { errors: [{ field: 'consent' }] },
    })
    const { id } = await says(path, true)
    const then = { atOnce: true, notice: privacy.notice, url: privacy.url }
    expect(await kept(foyer, id)).toEqual(then)

    // the site writes another one: what was accepted stays what it was
    await foyer.pool.query(
      `update sites set settings = jsonb_set(settings, '{privacy,notice}', '"We keep all of it."') where id = $1`,
      [site.id],
    )
    expect(await kept(foyer, id)).toEqual(then)
  })

test('who has accepted before is not asked again, and nothing is made up for them', async ({ foyer }) => {
  const { says } = await aVisitor(foyer)
  await says('/widget/messages', true)
  const { id } = await says('/widget/conversations')
  expect(await kept(foyer, id)).toEqual({ atOnce: null, notice: null, url: null })
})

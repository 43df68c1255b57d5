import { expect } from 'vitest'
import type { WidgetSession } from '#core/contracts/widget.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { aSite } from '#tests/support/factories.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'
import { identityOf, inSeconds, part, signed } from './signed.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

function open(foyer: TestFoyer, identity: string, token?: string): Promise<WidgetSession> {
  return new HttpClient(foyer.origin).post('/widget/sessions', { siteKey: foyer.site.key, identity, token })
}

test('only what the site’s own server signed, for this hour and this site, says who somebody is', async ({
  foyer,
}) => {
  const { identitySecret } = foyer.site
  const other = await aSite(foyer.pool, foyer.clock.now(), { name: 'Other' })
  const claims = { sub: 'user-1', email: 'sofia@northwind.test', name: 'Sofia', exp: inSeconds(foyer, 600) }
  const good = signed(claims, identitySecret)
  const session = await open(foyer, good)
  expect(session.known).toMatchObject({ name: 'Sofia', email: 'sofia@northwind.test' })

  const [header, , signature] = good.split('.')
  for (const [forged, why] of [
    ['x', 'JWT'],
    ['a.b', 'JWT'],
    [`${good}.x`, 'JWT'],
    [`${header}.${part({ ...claims, email: 'boss@northwind.test' })}.${signature}`, 'signature'],
    [`${part({ alg: 'none' })}.${part(claims)}.`, 'JWT'],
    [`${part({ alg: 'none' })}.${part(claims)}.${signature}`, 'signature'],
    [signed(claims, identitySecret, { alg: 'none' }), 'HS256'],
    [signed(claims, identitySecret, { alg: 'RS256' }), 'HS256'],
    [signed(claims, other.identitySecret), 'signature'],
    [signed(claims, ''), 'signature'],
    [signed({ ...claims, exp: inSeconds(foyer, -1) }, identitySecret), 'expired'],
    [signed({ ...claims, exp: inSeconds(foyer, 2 * 3_600) }, identitySecret), 'within an hour'],
    [signed({ ...claims, exp: undefined }, identitySecret), 'exp'],
    [signed({ ...claims, exp: 'soon' }, identitySecret), 'exp'],
    [signed({ ...claims, sub: '' }, identitySecret), 'sub'],
    [signed({ ...claims, sub: 'nul \0' }, identitySecret), 'sub'],
    [signed({ ...claims, name: '\0' }, identitySecret), 'valid'],
    [signed({ ...claims, email: 'nobody' }, identitySecret), 'valid'],
    [signed([], identitySecret), 'sub'],
  ] as const) {
    const refused = open(foyer, forged)
    await expect(refused).rejects.toMatchObject({ status: 422, code: 'invalid_identity' })
    await expect(refused).rejects.toThrow(why)
  }
})

test('a browser that comes back as somebody else is somebody else', async ({ foyer }) => {
  const as = (sub: string, name: string) => identityOf(foyer, sub, { name })
  const sofia = await open(foyer, as('user-1', 'Sofia'))
  expect((await open(foyer, as('user-1', 'Sofia Ricci'), sofia.token)).visitorId).toBe(sofia.visitorId)
  const tom = await open(foyer, as('user-2', 'Tom'), sofia.token)
  expect(tom.visitorId).not.toBe(sofia.visitorId)
  expect(tom.known.name).toBe('Tom')
  expect(tom.token).not.toBe(sofia.token)
})

test('a signed address cannot be typed over, and whoever talks with them sees it at once', async ({
  foyer,
}) => {
  const { visitor, agent, id } = await foyer.chat()
  const email = 'signed@northwind.test'
  const named = await open(foyer, identityOf(foyer, 'user-9', { email }), visitor.session.token)
  expect(named.visitorId).toBe(visitor.id)
  visitor.http.useToken(named.token)
  const told = await agent.socket.frame('visitor', (frame) => frame.visitor.email === 'signed@northwind.test')
  expect(told.visitor.emailVerified).toBe(true)
  const fields = { email: 'typed@northwind.test' }
  const body = { conversationId: id, fields, text: 'It is me', clientId: 'typed' }
  await visitor.http.post('/widget/messages', body)
  const panel = await agent.http.get<{ email: string; emailVerified: boolean }>(`/visitors/${visitor.id}`)
  expect(panel).toMatchObject({ email: 'signed@northwind.test', emailVerified: true })
  await waitFor('the list shows it', () => agent.conversations.get(id)?.visitor.email === email)
})

import { expect, test } from 'vitest'
import { anAgent, password } from '#tests/support/factories.ts'
import { startFoyer } from '#tests/support/foyer.ts'
import { ending } from './line.ts'

test('whoever loses the right to be there loses the socket within seconds', async () => {
  const foyer = await startFoyer({ workers: false })
  const now = foyer.clock.now()
  const admin = await foyer.agent({ profile: 'admin', name: 'Admin' })
  const row = await anAgent(foyer.pool, now, { name: 'Marco' })
  const tabs = await Promise.all([1, 2, 3].map(() => foyer.signIn(row)))
  const [signedOut, stays, other] = tabs
  if (!signedOut || !stays || !other) throw new Error('Three sessions were opened')

  await signedOut.http.post('/sign-out')
  expect(await ending(signedOut.socket, 2_000)).toMatchObject({ code: 4403 })
  await expect(signedOut.http.get('/me')).rejects.toMatchObject({ status: 401 })
  // the same agent's other sessions are untouched
  await stays.http.get('/me')
  expect(stays.socket.closed).toBeUndefined()

  await admin.http.patch(`/agents/${row.id}`, { password: 'another horse battery staple' })
  for (const tab of [stays, other]) expect(await ending(tab.socket, 2_000)).toMatchObject({ code: 4403 })
  await expect(stays.connect()).rejects.toThrow('401')
  await expect(foyer.signIn(row)).rejects.toThrow('do not belong together')

  const again = await foyer.signIn({ email: row.email, password: 'another horse battery staple' })
  await admin.http.patch(`/agents/${row.id}`, { profile: 'admin' })
  expect(await ending(again.socket, 2_000)).toMatchObject({ code: 4403 })
  // still signed in: the browser comes back with what the new profile may do
  await again.connect()
  await admin.http.patch(`/agents/${row.id}`, { active: false })
  expect(await ending(again.socket, 2_000)).toMatchObject({ code: 4403 })
  await expect(again.http.get('/me')).rejects.toMatchObject({ status: 401 })
  expect(admin.socket.closed).toBeUndefined()
  await foyer.close()
})

test('a session taken away behind Foyer’s back, or run out, is noticed as well', async () => {
  const foyer = await startFoyer({ workers: false })
  const [deleted, expired] = [await foyer.agent(), await foyer.agent()]
  await foyer.pool.query('delete from sessions where agent_id = $1', [deleted.id])
  expect(await ending(deleted.socket, 5_000)).toMatchObject({ code: 4403 })
  expect(expired.socket.closed).toBeUndefined()
  foyer.clock.advance(14 * 24 * 60 * 60_000)
  expect(await ending(expired.socket, 5_000)).toMatchObject({ code: 4403 })
  await expect(foyer.signIn({ email: expired.me.email, password })).resolves.toBeDefined()
  await foyer.close()
})

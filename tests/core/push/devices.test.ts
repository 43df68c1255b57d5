import { beforeAll, expect, test } from 'vitest'
import { aDevice } from '#tests/support/device.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import type { PushService } from '#tests/support/push-service.ts'
import { pushWorld } from './push-world.ts'

const { start, pushed, devicesOf, idle } = pushWorld()
let service: PushService
let foyer: TestFoyer

beforeAll(async () => {
  ;({ service, foyer } = await start())
})

test('a test goes to the one device, which is its agent’s alone', async () => {
  const [agent, other] = [await foyer.agent(), await foyer.agent()]
  const device = await aDevice(service, agent)
  const second = await aDevice(service, agent)
  const answer = await agent.http.raw('POST', `/push-subscriptions/${device.id}/test`)
  expect(answer.status).toBe(202)
  expect(await answer.json()).toMatchObject({ state: 'waiting', device: device.device.device })
  expect((await pushed(device, 'test')).payload).toMatchObject({ title: 'Notifications work here' })
  expect(second.received).toEqual([])
  await expect(other.http.post(`/push-subscriptions/${device.id}/test`)).rejects.toMatchObject({
    status: 404,
  })
  await expect(other.http.delete(`/push-subscriptions/${device.id}`)).rejects.toMatchObject({ status: 404 })
  for (let n = 0; n < 5; n++) await agent.http.post(`/push-subscriptions/${device.id}/test`)
  await expect(agent.http.post(`/push-subscriptions/${device.id}/test`)).rejects.toMatchObject({
    status: 429,
  })
  await agent.http.delete(`/push-subscriptions/${device.id}`)
  expect((await devicesOf(agent)).map(({ id }) => id)).toEqual([second.id])
})

test('a device is whose who signed in there last', async () => {
  const [first, second] = [await foyer.agent({ online: false }), await foyer.agent({ online: false })]
  const browser = service.browser()
  const headers = {
    'user-agent': 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/156.0',
  }
  const made = await first.http.raw('PUT', '/push-subscriptions', browser.subscription, headers)
  expect(await made.json()).toMatchObject({ device: 'Chrome on macOS', failures: 0 })
  await second.http.put('/push-subscriptions', browser.subscription)
  expect(await devicesOf(first)).toEqual([])
  expect(await devicesOf(second)).toHaveLength(1)
})

test('addresses inside our own network, and keys that are none, are not taken', async () => {
  const agent = await foyer.agent({ online: false })
  const { keys } = service.browser().subscription
  const save = (body: unknown) => agent.http.raw('PUT', '/push-subscriptions', body)
  const port = new URL(foyer.origin).port
  for (const endpoint of [
    `http://127.0.0.1:${port}/push`,
    'https://127.0.0.1/push',
    'https://2130706433/push',
    'https://0x7f.1/push',
    'https://[::1]/push',
    'https://[::ffff:10.0.0.1]/push',
    'https://169.254.169.254/latest/meta-data',
    'https://localhost/push',
    'https://db.internal/push',
    'https://db/push',
    'https://user:password@push.example.com/1',
    'ftp://push.example.com/1',
    'push.example.com',
    `https://push.example.com/${'x'.repeat(1_000)}`,
  ])
    expect([endpoint, (await save({ endpoint, keys })).status]).toEqual([endpoint, 422])
  const endpoint = 'https://push.example.com/1'
  for (const bad of [
    {},
    { endpoint },
    { endpoint, keys: { ...keys, auth: 'short' } },
    { endpoint, keys: { ...keys, p256dh: 'short' } },
    { endpoint, keys: { ...keys, p256dh: Buffer.alloc(65, 4).toString('base64url') } },
    { endpoint, keys: { ...keys, p256dh: '<script>' } },
  ])
    expect((await save(bad)).status).toBe(422)
  expect(await devicesOf(agent)).toEqual([])
  expect((await save({ endpoint, keys })).status).toBe(200)
})

test('a name that leads into our own network is noticed when it is connected to', async () => {
  const agent = await foyer.agent({ online: false })
  const { keys } = service.browser().subscription
  const device = await agent.http.put<{ id: string }>('/push-subscriptions', {
    endpoint: 'https://localhost.example.invalid/push',
    keys,
  })
  await foyer.pool.query(`update push_subscriptions set endpoint = $2 where id = $1`, [
    device.id,
    `https://127.0.0.1:${new URL(foyer.origin).port}/api/v1/sign-in`,
  ])
  await agent.http.post(`/push-subscriptions/${device.id}/test`)
  await idle()
  expect(await devicesOf(agent)).toMatchObject([
    { failures: 1, failedBecause: 'This address is in Foyer’s own network, which it does not call.' },
  ])
})

test('the signing key is made once, kept sealed, and replaced when it cannot be opened', async () => {
  const agent = await foyer.agent({ online: false })
  const read = async () => (await agent.http.get<{ publicKey: string }>('/push-key')).publicKey
  const [one, two] = await Promise.all([read(), read()])
  expect(one).toBe(two)
  expect(Buffer.from(one, 'base64url')).toHaveLength(65)
  const { rows } = await foyer.pool.query<{ private_key: Buffer }>('select private_key from push_keys')
  expect(rows).toHaveLength(1)
  const own = await startFoyer({ workers: false })
  const admin = await own.agent({ profile: 'admin', online: false })
  const before = (await admin.http.get<{ publicKey: string }>('/push-key')).publicKey
  await admin.http.put('/push-subscriptions', {
    endpoint: 'https://push.example.com/1',
    keys: service.browser().subscription.keys,
  })
  await own.pool.query(
    'update push_keys set private_key = set_byte(private_key, 20, 255 - get_byte(private_key, 20))',
  )
  const after = (await admin.http.get<{ publicKey: string }>('/push-key')).publicKey
  expect(after).not.toBe(before)
  expect(await devicesOf(admin)).toEqual([])
  await own.close()
})

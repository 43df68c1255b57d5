import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import {
  Push,
  PushDevice,
  PushDeviceList,
  PushKey,
  PushReceipt,
  PushVerdict,
  SavePushSubscription,
} from '../../contracts/push.ts'
import { change } from '../../services.ts'
import { deviceOf } from './device.ts'
import { readPushKeys } from './keys.ts'
import { pushTest } from './pushes.ts'
import { listDevices, removeDevice, saveSubscription } from './subscriptions.ts'
import { takeReceipt } from './telling.ts'

const params = z.object({ id: Id })
const config = { access: 'agent' } as const

export async function pushRoutes(app: Api): Promise<void> {
  const { services } = app
  const preHandler = app.requires()

  app.get('/push-key', { config, preHandler, schema: { response: { 200: PushKey } } }, async () => {
    const { publicKey } = await readPushKeys(services)
    return { publicKey }
  })

  app.put(
    '/push-subscriptions',
    { config, preHandler, schema: { body: SavePushSubscription, response: { 200: PushDevice } } },
    ({ body, agent, headers }) => saveSubscription(services, agent, deviceOf(headers['user-agent']), body),
  )

  app.get(
    '/push-subscriptions',
    { config, preHandler, schema: { response: { 200: PushDeviceList } } },
    async ({ agent }) => ({ devices: await listDevices(services.db, agent.id) }),
  )

  app.delete(
    '/push-subscriptions/:id',
    { config, preHandler, schema: { params, response: { 204: z.null() } } },
    async ({ params: { id }, agent }, reply) => {
      await change(services, ({ tx }) => removeDevice(tx, agent.id, id))
      return reply.status(204).send(null)
    },
  )

  app.post(
    '/push-subscriptions/:id/test',
    { config: { ...config, counted: true }, preHandler, schema: { params, response: { 202: Push } } },
    async ({ params: { id }, agent }, reply) =>
      reply.status(202).send(await change(services, (change) => pushTest(services, change, agent.id, id))),
  )

  app.post(
    '/push/receipts',
    { config: { access: 'public' }, schema: { body: PushReceipt, response: { 200: PushVerdict } } },
    ({ body }) => takeReceipt(services, body),
  )
}

import assert from 'node:assert/strict'
import type { WebhookRequest } from '../crm.ts'
import type { Rule } from './index.ts'

const url = 'https://foyer.example.com/api/v1/webhooks/vendor'

export const webhookTests: Rule[] = [
  {
    name: 'an event of the vendor’s is taken, and the same again is the same',
    needs: 'signedEvent',
    run: async ({ vendor, actions, account }) => {
      const ref = await vendor.addPerson({ email: 'hook@northwind.test', name: 'Hooked Person' })
      const request = await vendor.signedEvent?.(ref, url)
      assert(request && actions.webhooks)
      const events = actions.webhooks.read(request, vendor.client.secret, vendor.now())
      assert(events && events.length > 0, 'refused')
      assert(events.some(({ change }) => change.ref.id === ref.id))
      for (const { accountId, id } of events) {
        assert.equal(accountId, account?.id)
        assert(id !== '')
      }
      const again = actions.webhooks.read(request, vendor.client.secret, vendor.now())
      assert.deepEqual(
        again?.map(({ id }) => id),
        events.map(({ id }) => id),
      )
    },
  },
  {
    name: 'what is forged, changed, late or nonsense is refused, and throws nothing',
    needs: 'signedEvent',
    run: async ({ vendor, actions }) => {
      const ref = await vendor.addPerson({ email: 'hook@northwind.test', name: 'Hooked Person' })
      const request = await vendor.signedEvent?.(ref, url)
      assert(request && actions.webhooks)
      const { read } = actions.webhooks
      const refuses = (changed: Partial<WebhookRequest>, secret = vendor.client.secret, now = vendor.now()) =>
        assert.equal(read({ ...request, ...changed }, secret, now), null)
      refuses({}, 'another secret')
      refuses({ rawBody: Buffer.concat([request.rawBody, Buffer.from(' ')]) })
      refuses({ url: `${url}?x=1` })
      refuses({ method: 'PUT' })
      refuses({ headers: {} })
      refuses({ headers: Object.fromEntries(Object.keys(request.headers).map((name) => [name, '\u0000ÿ'])) })
      for (const rawBody of ['', '{', '[]', 'null', '[null]', '[1,{"a":[]}]'])
        refuses({ rawBody: Buffer.from(rawBody) })
      refuses({}, vendor.client.secret, new Date(vendor.now().getTime() + 3_600_000))
      refuses({}, vendor.client.secret, new Date(vendor.now().getTime() - 3_600_000))
    },
  },
]

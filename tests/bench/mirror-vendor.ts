import { setTimeout as delay } from 'node:timers/promises'
import { hubspot } from '#connectors/hubspot/index.ts'
import { createHubSpotStandIn } from '#connectors/hubspot/stand-in/index.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'

/** Vendors for mirror.ts, in a process of their own: `endless`, who has as many people as are asked for, and `hubspot`, the
 *  stand-in with the limits that HubSpot has, at a distance of so many milliseconds. */
const [, , kind, size = '0', distanceMs = '0'] = process.argv
const many = Number(size)

const person = (place: number, id = `i${place}`) => ({
  type: 'Contact',
  id,
  emails: [`${id}@mirror.test`],
  fields: { name: `Person ${place}`, jobTitle: 'Buyer', phone: null, crmStatus: 'Working', company: null },
  owner: {
    id: `u${place % 50}`,
    name: 'Dana',
    email: `u${place % 50}@foyer.test`,
    active: true,
    isQueue: false,
  },
  company: {
    id: `c${place >> 3}`,
    name: `Company ${place >> 3}`,
    domain: `c${place >> 3}.test`,
    owner: null,
    url: '',
  },
  url: `https://crm.example/i${place}`,
  changedAt: new Date(1_700_000_000_000 + place).toISOString(),
  formerIds: [],
})

async function endless(request: Request): Promise<Response> {
  const args = JSON.parse(await request.text()) as unknown[]
  const cursor = typeof args[0] === 'string' ? args[0] : null
  switch (new URL(request.url).pathname) {
    case '/allPeople': {
      const start = Number(cursor ?? 0)
      const end = Math.min(many, start + 1_000)
      const items = Array.from({ length: end - start }, (_, place) => person(start + place))
      return Response.json({ ok: { items, cursor: end < many ? String(end) : null, total: many } })
    }
    case '/changes': {
      const start = Number(cursor ?? 0)
      // twenty people changed each time
      const changes = Array.from({ length: cursor === null ? 0 : 20 }, (_, place) => ({
        type: 'changed',
        person: { ...person(start * 20 + place, `f${place}`), changedAt: new Date().toISOString() },
      }))
      return Response.json({ ok: { changes, cursor: String(start + 1), done: true } })
    }
    case '/findPerson':
      return Response.json({ ok: person(0, cursor?.split('@')[0]) })
    case '/activities':
    case '/owners':
      return Response.json({ ok: { items: [], cursor: null } })
    default:
      return Response.json({ ok: null })
  }
}

const standIn = createHubSpotStandIn()
if (kind === 'hubspot') {
  const company = standIn.store.create('companies', { name: 'Northwind', domain: 'northwind.test' })
  for (let place = 0; place < many; place++) {
    const contact = standIn.store.create('contacts', { email: `h${place}@import.test`, firstname: 'Person' })
    standIn.store.associate(contact, company, [1])
  }
  standIn.webhooks.take('')
}
const far = async (request: Request) => {
  await delay(Number(distanceMs))
  return standIn.handle(request)
}
const { origin } = await serveStandIn(kind === 'hubspot' ? far : endless)
const grant = await standIn.oauth.grantNow(hubspot.auth.scopes)
process.on('message', () => {
  const answered = standIn.requests.map(({ at, status }) => ({ at, isRefused: status === 429 }))
  process.send?.({ answered })
})
process.send?.({ origin, grant, hubId: standIn.hubId })

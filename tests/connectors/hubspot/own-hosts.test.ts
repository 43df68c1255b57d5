import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hubspot } from '#connectors/hubspot/index.ts'
import { seedSamplePeople } from '#connectors/hubspot/stand-in/sample-people.ts'
import { connected, crmOf } from './a-connection.ts'

const server = setupServer()
beforeAll(() => server.listen({ onUnhandledFrame: 'error' }))
afterAll(() => server.close())

test('without a stand-in HubSpot’s own hosts are called, the token address at its dated path', async () => {
  const { crm, standIn } = await connected({ byItsOwnName: true })
  seedSamplePeople(standIn)
  server.use(http.all('https://api.hubapi.com/*', ({ request }) => standIn.handle(request)))
  standIn.clock.advance(1_800_000)
  expect((await crmOf.findPerson(crm, 'tom.becker@contoso.test'))?.fields.name).toBe('Tom Becker')
  const [first] = standIn.requests
  expect(first?.url).toBe('https://api.hubapi.com/oauth/2026-03/token')
  expect(standIn.oauth.refreshes).toHaveLength(1)
})

test('an admin is sent to HubSpot with everything that the connection needs', () => {
  const at = { settings: {}, standIn: null }
  expect(hubspot.auth.authorizeUrl(at)).toBe('https://app.hubspot.com/oauth/authorize')
  expect(hubspot.auth.tokenUrl(at)).toBe('https://api.hubapi.com/oauth/2026-03/token')
})

test('a page for people instead of an answer is told as what it is', async () => {
  const { crm } = await connected({ byItsOwnName: true })
  server.use(
    http.all('https://api.hubapi.com/*', () => HttpResponse.html('<h1>Maintenance</h1>', { status: 503 })),
  )
  await expect(crmOf.findPerson(crm, 'tom.becker@contoso.test')).rejects.toThrow(
    'HubSpot does not work at the moment (503).',
  )
  server.use(http.all('https://api.hubapi.com/*', () => HttpResponse.html('<h1>Hello</h1>')))
  await expect(crmOf.findPerson(crm, 'tom.becker@contoso.test')).rejects.toMatchObject({
    code: 'connector_answer',
  })
})

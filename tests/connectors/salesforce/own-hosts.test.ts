import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import { type StartedSalesforce, startSalesforce } from './support.ts'

const signIn = 'https://login.salesforce.com'
const orgHost = 'https://northwind.my.salesforce.com'
const server = setupServer()
let sf: StartedSalesforce

beforeAll(() => server.listen({ onUnhandledFrame: 'error' }))
afterAll(() => server.close())
beforeEach(async () => {
  sf = await startSalesforce()
  sf.org.insert('Contact', { FirstName: 'Sofia', LastName: 'Ricci', Email: 'sofia@northwind.test' })
})
afterEach(async () => {
  server.resetHandlers()
  await sf.close()
})

const find = () => salesforce.crm.findPerson(sf.crmAt(orgHost), 'sofia@northwind.test')

test('without a stand-in the organisation’s own host is asked for records, and Salesforce’s sign-in for tokens', async () => {
  const hosts: string[] = []
  server.use(
    ...[signIn, orgHost].map((host) =>
      http.all(`${host}/*`, ({ request }) => {
        const { origin, pathname } = new URL(request.url)
        hosts.push(`${origin}${pathname.replace(/(\/v67\.0\/).*/, '$1')}`)
        return sf.standIn.handle(request)
      }),
    ),
  )
  expect((await find())?.fields.name).toBe('Sofia Ricci')
  expect(new Set(hosts)).toEqual(new Set([`${orgHost}/services/data/v67.0/`]))
  hosts.length = 0
  sf.standIn.oauth.expireSessions()
  expect((await find())?.fields.name).toBe('Sofia Ricci')
  expect(new Set(hosts)).toEqual(
    new Set([`${orgHost}/services/data/v67.0/`, `${signIn}/services/oauth2/token`]),
  )
  expect(sf.standIn.oauth.refreshes).toBe(1)
})

test.each([
  { environment: 'production', origin: signIn },
  { environment: 'sandbox', origin: 'https://test.salesforce.com' },
  { environment: 'myDomain', myDomain: `${orgHost}/`, origin: orgHost },
])('an admin of $environment is sent to sign in at $origin', ({ origin, ...settings }) => {
  const at = { settings: settings as Record<string, string>, standIn: null }
  expect(salesforce.auth.authorizeUrl(at)).toBe(`${origin}/services/oauth2/authorize`)
  expect(salesforce.auth.tokenUrl(at)).toBe(`${origin}/services/oauth2/token`)
})

test('a page for people instead of an answer is told as what it is', async () => {
  server.use(http.all(`${orgHost}/*`, () => HttpResponse.html('<h1>Maintenance</h1>', { status: 503 })))
  await expect(find()).rejects.toThrow('Salesforce does not work now (503).')
  server.use(http.all(`${orgHost}/*`, () => HttpResponse.html('<h1>Hello</h1>')))
  await expect(find()).rejects.toMatchObject({ code: 'connector_answer' })
})

import { describe, expect, test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import { domainOf, nameParts } from '#connectors/salesforce/people.ts'
import { whatIsWrongWith } from '#connectors/sdk/check-declaration.ts'

const at = (settings: Record<string, string>, apiOrigin?: string) => ({
  settings,
  account: apiOrigin ? { id: '1', name: 'N', apiOrigin } : null,
  standIn: null,
})

test('nothing is wrong with the declaration', () => {
  expect(whatIsWrongWith(salesforce)).toEqual([])
})

describe('where it calls', () => {
  test.each([
    [{ environment: 'production' }, 'https://login.salesforce.com'],
    [{ environment: 'sandbox' }, 'https://test.salesforce.com'],
    [
      { environment: 'myDomain', myDomain: 'https://northwind.my.salesforce.com/' },
      'https://northwind.my.salesforce.com',
    ],
    [{}, 'https://login.salesforce.com'],
    [{ environment: 'myDomain', myDomain: 'https://evil.test' }, 'https://login.salesforce.com'],
    [
      { environment: 'myDomain', myDomain: 'https://salesforce.com.evil.test' },
      'https://login.salesforce.com',
    ],
    [
      { environment: 'myDomain', myDomain: 'http://northwind.my.salesforce.com' },
      'https://login.salesforce.com',
    ],
  ])('with %j people sign in at %s', (settings, origin) => {
    expect(salesforce.auth.authorizeUrl(at(settings as Record<string, string>))).toBe(
      `${origin}/services/oauth2/authorize`,
    )
    expect(salesforce.auth.tokenUrl(at(settings as Record<string, string>))).toBe(
      `${origin}/services/oauth2/token`,
    )
  })

  test('the organisation’s own address is called if it is Salesforce’s', () => {
    const settings = { environment: 'production' }
    expect(salesforce.origins(at(settings, 'https://northwind.my.salesforce.com'))).toEqual([
      'https://login.salesforce.com',
      'https://northwind.my.salesforce.com',
    ])
    for (const evil of [
      'https://evil.test',
      'http://northwind.my.salesforce.com',
      'https://salesforce.com.evil.test',
      'https://evilsalesforce.com',
    ])
      expect(salesforce.origins(at(settings, evil))).toEqual(['https://login.salesforce.com'])
  })

  test('a stand-in stands in for all of it', () => {
    const standIn = 'http://127.0.0.1:9'
    expect(salesforce.origins({ ...at({}, 'https://northwind.my.salesforce.com'), standIn })).toEqual([
      standIn,
    ])
  })
})

describe('what a token answer says', () => {
  test('where the organisation is, and who we are there', () => {
    const answer = {
      instance_url: 'https://northwind.my.salesforce.com',
      id: 'https://login.salesforce.com/id/00DRO0000008abcAAA/005RO0000001xyzAAA',
    }
    expect(salesforce.auth.accountFrom?.(answer)).toMatchObject({
      apiOrigin: 'https://northwind.my.salesforce.com',
      id: expect.stringMatching(/^00DRO/),
      details: { userId: expect.stringMatching(/^005RO/) },
    })
  })

  test.each([null, 'text', {}, { instance_url: 7, id: 'x' }, { instance_url: 'nonsense' }])(
    '%j says nothing',
    (answer) => {
      expect(salesforce.auth.accountFrom?.(answer)).toEqual({})
    },
  )

  test.each([
    ['invalid_grant', true],
    ['inactive_user', true],
    ['rate_limit_exceeded', false],
    ['invalid_client', false],
  ])('%s: the grant is gone: %s', (error, isGone) => {
    expect(salesforce.auth.isGrantGone(400, { error })).toBe(isGone)
    expect(salesforce.auth.isGrantGone(500, null)).toBe(false)
  })
})

test.each([
  ['https://www.Northwind.test/en?x', 'northwind.test'],
  ['northwind.test', 'northwind.test'],
  ['www2.northwind.co.uk', 'northwind.co.uk'],
  ['HTTP://NORTHWIND.TEST:8080', 'northwind.test'],
  ['n/a', null],
  ['192.168.0.1', null],
  ['', null],
  [null, null],
])('the web site %s is the domain %s', (website, domain) => {
  expect(domainOf(website)).toBe(domain)
})

test.each([
  ['Sofia Ricci', { FirstName: 'Sofia', LastName: 'Ricci' }],
  ['  Anna  Maria Ricci ', { FirstName: 'Anna Maria', LastName: 'Ricci' }],
  ['Cher', { LastName: 'Cher' }],
])('the name %j has the parts %j', (name, parts) => {
  expect(nameParts(name)).toEqual(parts)
})

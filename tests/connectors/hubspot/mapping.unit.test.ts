import fc from 'fast-check'
import { expect, test } from 'vitest'
import { escapedWithin, escapeHtml, plainText } from '#connectors/hubspot/html.ts'
import { hubspot } from '#connectors/hubspot/index.ts'
import {
  divided,
  emailsOf,
  fieldsOf,
  formerIdsOf,
  goesBack,
  propertiesToRead,
  propertiesToWrite,
} from '#connectors/hubspot/mapping.ts'
import { keyOf, markerHtml } from '#connectors/hubspot/marker.ts'
import { undated } from '#connectors/hubspot/stand-in/paths.ts'
import { versionedPath } from '#connectors/hubspot/versions.ts'
import { whatIsWrongWith } from '#connectors/sdk/check-declaration.ts'
import type { CrmDescription } from '#connectors/sdk/crm.ts'

const { mapping } = hubspot.crm
const undescribed = { mapping, description: null }

const field = (name: string, more: object = {}) => ({
  name,
  label: name,
  type: 'text' as const,
  mayWrite: true,
  requiredToCreate: false,
  maxLength: null,
  ...more,
})
const describedWith = (...fields: ReturnType<typeof field>[]): CrmDescription => ({
  types: { contact: { label: 'Contact', fields, mayCreate: true } },
})

test('the declaration is sound', () => {
  expect(whatIsWrongWith(hubspot)).toEqual([])
})

test('empty properties are unknown, and both names are one', () => {
  const properties = {
    firstname: ' Tom ',
    lastname: null,
    jobtitle: '',
    phone: null,
    email: 'a@b.test',
    company: 'X',
  }
  expect(fieldsOf(properties, null, undescribed)).toEqual({
    name: 'Tom',
    jobTitle: null,
    email: 'a@b.test',
    phone: null,
    crmStatus: null,
    company: 'X',
  })
})

test('a field that the connection may not see is missing, not empty, and not asked for', () => {
  const description = describedWith(field('name'), field('email'))
  const fields = fieldsOf({ firstname: 'Tom', email: 'a@b.test' }, null, { mapping, description })
  expect(fields).toEqual({ name: 'Tom', email: 'a@b.test' })
  expect(propertiesToRead({ mapping, description })).not.toContain('jobtitle')
})

test('a status reads as the account calls it, in and out', () => {
  const options = [{ value: 'stage_17', label: 'Hot' }]
  const description = describedWith(field('lifecyclestage', { type: 'choice', options }))
  expect(fieldsOf({ lifecyclestage: 'stage_17' }, null, { mapping, description }).crmStatus).toBe('Hot')
  expect(propertiesToWrite({ crmStatus: 'hot' }, { mapping, description })).toEqual({
    lifecyclestage: 'stage_17',
  })
})

test('what may not be written is refused before it is sent', () => {
  const description = describedWith(field('jobtitle', { mayWrite: false, label: 'Job title' }))
  expect(() => propertiesToWrite({ jobTitle: 'CTO' }, { mapping, description })).toThrow(
    'HubSpot does not let us write Job title.',
  )
})

test('another property may be mapped', () => {
  const other = { contact: { ...mapping.contact, crmStatus: 'hs_lead_status' } }
  expect(fieldsOf({ hs_lead_status: 'NEW' }, null, { mapping: other, description: null }).crmStatus).toBe(
    'NEW',
  )
})

test('what is written reads back, and nothing is ever cleared', () => {
  const value = fc.string({ minLength: 1 }).filter((text) => text.trim() !== '')
  fc.assert(
    fc.property(value, value, fc.constantFrom('', ' '), (jobTitle, phone, empty) => {
      const properties = propertiesToWrite({ jobTitle, phone, company: empty }, undescribed)
      expect(Object.values(properties).every((one) => typeof one === 'string' && one !== '')).toBe(true)
      expect(fieldsOf(properties, null, undescribed)).toMatchObject({
        jobTitle: jobTitle.trim(),
        phone: phone.trim(),
        company: null,
      })
    }),
  )
})

test.each([
  ['Tom Becker', { firstname: 'Tom', lastname: 'Becker' }],
  ['Becker, Tom', { firstname: 'Tom', lastname: 'Becker' }],
  ['Ana María López', { firstname: 'Ana', lastname: 'María López' }],
  ['Tom', { firstname: 'Tom' }],
])('%s is divided into what HubSpot keeps', (name, names) => {
  expect(divided(name)).toEqual(names)
})

test('addresses come in lower case, the first one first, each once', () => {
  const properties = { email: 'A@b.test', hs_additional_emails: 'c@d.test;a@B.test; ' }
  expect(emailsOf(properties)).toEqual(['a@b.test', 'c@d.test'])
})

test('an id that led elsewhere is a former one, beside those that HubSpot names', () => {
  expect(formerIdsOf('3', '2', { hs_merged_object_ids: '1;2' })).toEqual(['1', '2'])
  expect(formerIdsOf('3', '3', {})).toEqual([])
})

test('a stage goes back when it comes before the one there is', () => {
  expect(goesBack('customer', 'lead', null)).toBe(true)
  expect(goesBack('lead', 'customer', null)).toBe(false)
  expect(goesBack(null, 'lead', null)).toBe(false)
})

test('escaped text has no markup in it and reads as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const html = escapeHtml(text)
      expect(html).not.toMatch(/[<>"']/)
      const words = text.replace(/\s+/g, ' ').trim()
      expect(plainText(html, 10_000).replace(/\s+/g, ' ').trim()).toBe(words)
    }),
  )
})

test('what is cut to a length fits, is a beginning, and holds no half of anything', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.nat(300), (text, limit) => {
      const { html, isWhole } = escapedWithin(text, limit)
      expect(html.length).toBeLessThanOrEqual(limit)
      const whole = escapedWithin(text, Number.MAX_SAFE_INTEGER).html
      expect(whole.startsWith(html)).toBe(true)
      expect(isWhole).toBe(html === whole)
      expect(html).not.toMatch(/[\ud800-\udbff]$|&[a-z#0-9]*$/)
    }),
  )
})

test('HTML of any mail becomes text, without styles and tags', () => {
  const html =
    '<html><head><style>p{}</style></head><body><p>Hello&nbsp;Tom,</p><p>1 &lt; 2<br/>Bye&#33;</p><img src=x onerror=y></body></html>'
  expect(plainText(html)).toBe('Hello Tom,\n1 < 2\nBye!')
  expect(plainText('x'.repeat(5_000))).toHaveLength(2_000)
})

test('hostile HTML takes no time', () => {
  const start = performance.now()
  for (const piece of ['<', '<style>', '&', '\n ', '</p', '<br <br ']) plainText(piece.repeat(50_000))
  expect(performance.now() - start).toBeLessThan(2_000)
})

test('whatever stands before it, the last reference is the one', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.stringMatching(/^[a-z0-9-]{1,30}$/), (before, id) => {
      const body = `<p>${escapeHtml(before)}</p>${markerHtml('foyer-chat-other')}${markerHtml(`foyer-chat-${id}`)}`
      expect(keyOf(body)).toBe(`foyer-chat-${id}`)
    }),
  )
  expect(keyOf('<p>I wrote: Foyer reference: foyer-chat-1</p>')).toBeNull()
  expect(keyOf(null)).toBeNull()
})

test.each([
  ['/crm/v3/objects/contacts/1', '/crm/objects/2026-09/contacts/1'],
  ['/crm/v3/objects/contacts/batch/upsert', '/crm/objects/2026-09/contacts/batch/upsert'],
  ['/crm/v3/owners', '/crm/owners/2026-09'],
  ['/crm/v3/properties/contacts', '/crm/properties/2026-09/contacts'],
  ['/crm/v4/associations/contacts/notes/batch/read', '/crm/associations/2026-09/contacts/notes/batch/read'],
])('%s becomes %s when an admin says so', (now, next) => {
  expect(versionedPath(now, '2026-09')).toBe(next)
  expect(versionedPath(now, 'v3')).toBe(now)
  expect(undated(next)).toBe(now)
})

import { expect } from 'vitest'
import type { Problem } from '#core/contracts/common.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { test } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

/** Reads a refusal, and checks that it is one a person and a program can use. */
async function refusal(answer: Promise<Response>): Promise<{ status: number; code: string; detail: string }> {
  const response = await answer
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  const { status, code, detail, type, title } = (await response.json()) as Problem
  expect(status).toBe(response.status)
  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(500)
  expect(code).toMatch(/^[a-z_]+$/)
  expect(detail).toMatch(/^.{8,400}$/s)
  expect([type, title.length > 0]).toEqual(['about:blank', true])
  return { status, code, detail }
}

test('a message that is none is refused in words', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  const paths: [HttpClient, string][] = [
    [visitor.http, `/widget/conversations/${id}/messages`],
    [agent.http, `/conversations/${id}/messages`],
    [agent.http, `/conversations/${id}/notes`],
  ]
  const clientId = 'bad'
  const cases: [unknown, string][] = [
    [{ clientId, text: '' }, 'text: A message needs some text.'],
    [{ clientId, text: ' \n\t\u2003' }, 'text: A message needs some text.'],
    [{ clientId, text: 'x'.repeat(10_001) }, 'text: A message has at most 10,000 characters.'],
    [{ clientId, text: 'nul \0 inside' }, 'text: Text must not contain the NUL character.'],
    [{ clientId, text: 7 }, 'text: Invalid input: expected string, received number'],
    [{ clientId }, 'text: Invalid input: expected string, received undefined'],
    [{ clientId: '', text: 'x' }, 'clientId'],
    [{ clientId: 'x'.repeat(65), text: 'x' }, 'clientId'],
    [{ clientId: 'no spaces', text: 'x' }, 'A client id has letters'],
    [{ clientId, text: 'x', [`extra-${'y'.repeat(5_000)}`]: 1 }, 'Unrecognized key'],
    [[], 'expected object'],
    [null, 'expected object'],
    ['a string', 'expected object'],
  ]
  for (const [http, path] of paths)
    for (const [body, detail] of cases) {
      const text = JSON.stringify(body)
      const refused = await refusal(http.raw('POST', path, text))
      expect(refused).toMatchObject({ status: 422, code: 'invalid_input' })
      expect(refused.detail).toContain(detail)
    }
  // the longest that fits does, and half a character is made whole
  await visitor.http.post(`/widget/conversations/${id}/messages`, {
    clientId: 'long',
    text: '€'.repeat(10_000),
  })
  const half = `{"clientId":"half","text":"half \\ud83d of it"}`
  expect((await visitor.http.raw('POST', `/widget/conversations/${id}/messages`, half)).status).toBe(200)
  await agent.hears(id, 'half \ufffd of it')
  expect((await foyer.stateOf(id)).texts).toHaveLength(3)
})

test('a body that cannot be read is refused before it costs anything', async ({ foyer }) => {
  const { visitor, id } = await foyer.chat()
  const { http } = visitor
  const path = `/widget/conversations/${id}/messages`
  const post = (body: string, headers?: Record<string, string>) =>
    refusal(http.raw('POST', path, body, headers))
  for (const broken of ['{', '{"text":', 'nothing', '{"a":1}}', '\0', '{"text":"\u0001"}', '[1,]', 'NaN'])
    expect(await post(broken)).toMatchObject({ status: 400, code: 'invalid_json' })
  expect(await post('')).toMatchObject({ status: 400, code: 'invalid_json' })
  for (const poison of [
    '{"__proto__":{"isAdmin":true},"clientId":"p","text":"x"}',
    '{"constructor":{"prototype":{"isAdmin":true}},"clientId":"p","text":"x"}',
  ])
    expect((await post(poison)).status).toBeLessThanOrEqual(422)
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  expect(await post(deep)).toMatchObject({ status: 422 })
  expect((await post(`{"clientId":"d","text":${deep}}`)).status).toBe(422)
  expect(await post(`{"text":"${'x'.repeat(300_000)}"}`)).toMatchObject({ status: 413, code: 'too_large' })
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/csv',
  ])
    expect(await post('{}', { 'content-type': type })).toMatchObject({
      status: 415,
      code: 'wrong_media_type',
    })
  expect((await foyer.stateOf(id)).texts).toHaveLength(1)
})

test('addresses, cursors and places that nobody gave out are refused', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  const place = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const cursors = [
    'x',
    '%00',
    '%F0%9F%92%A9',
    place(null),
    place([]),
    place([-1, id]),
    place([9e15, id]),
    place([1.5, id]),
    place([1, 'x']),
    place({ __proto__: null }),
    'A'.repeat(201),
  ]
  for (const cursor of cursors)
    for (const path of [
      '/conversations?view=all',
      '/conversations?view=active',
      '/conversations?view=all&query=hello',
      `/visitors/${visitor.id}/activities?kind=chat`,
    ]) {
      const refused = await refusal(agent.http.raw('GET', `${path}&cursor=${cursor}`))
      expect([cursor, refused.status, refused.code]).toEqual([cursor, 422, 'invalid_input'])
    }
  // one at the end of time is a place like any other
  const last = await agent.http.raw('GET', `/conversations?view=all&cursor=${place([8.64e15, id])}`)
  expect([last.status, await last.text()].slice(0, 1)).toEqual([200])

  const cases: [HttpClient, string, number][] = [
    [agent.http, '/conversations/not-an-id', 422],
    [agent.http, `/conversations/${id}%00`, 422],
    [agent.http, `/conversations/${'x'.repeat(150)}`, 422],
    [agent.http, `/conversations/${'x'.repeat(300)}`, 414],
    [agent.http, '/conversations?view=secret', 422],
    [agent.http, '/conversations?view=active&view=all', 422],
    [agent.http, '/conversations?query=%00', 422],
    [agent.http, `/conversations?query=${'x'.repeat(201)}`, 422],
    [agent.http, '/conversations?agentId=1', 422],
    [agent.http, '/people?query=%00', 422],
    [agent.http, `/conversations/${id}/messages?afterSeq=-1`, 422],
    [agent.http, `/conversations/${id}/messages?afterSeq=1.5`, 422],
    [agent.http, `/conversations/${id}/messages?afterSeq=9007199254740991`, 422],
    [agent.http, `/conversations/${id}/messages?beforeSeq=99999999999`, 422],
    [visitor.http, `/widget/conversations/${id}/messages?afterSeq=2147483648`, 422],
    [visitor.http, `/widget/conversations/${id}/messages?beforeSeq=0`, 422],
    [visitor.http, '/widget/sites/%00', 404],
    [visitor.http, '/nothing', 404],
    [visitor.http, '/%zz', 400],
    [visitor.http, '/conversations/%E0%A4%A', 400],
  ]
  for (const [http, path, status] of cases)
    expect([path, (await refusal(http.raw('GET', path))).status]).toEqual([path, status])
  expect((await refusal(agent.http.raw('PATCH', '/conversations', {}))).status).toBe(404)
})

test('a search for anything a keyboard can write finds nothing or something, and never fails', async ({
  foyer,
}) => {
  const agent = await foyer.agent({ online: false })
  for (const query of [
    "'",
    '"',
    '\\',
    '%',
    '_',
    '&',
    '|',
    '!',
    ':*',
    '<->',
    '(',
    "it's & that",
    '²',
    '🙂',
    '\ud800',
    'ﷺ',
    "a'); drop table entries; --",
  ])
    for (const view of ['active', 'all', 'missed'])
      await agent.http.get(`/conversations?view=${view}&query=${encodeURIComponent(query.toWellFormed())}`)
})

test('what a browser says about itself is taken as it is or not at all', async ({ foyer }) => {
  const http = new HttpClient(foyer.origin)
  const siteKey = foyer.site.key
  const open = (more: object) => http.raw('POST', '/widget/sessions', JSON.stringify({ siteKey, ...more }))
  for (const more of [
    { timeZone: 'Mars/Olympus' },
    { timeZone: '\0' },
    { token: 'never given' },
    { token: '\0' },
    { page: { url: 'http://[' } },
    { page: { url: '?utm_source=%00' } },
    { page: { url: 'https://x.example/\ud800' } },
    { page: { url: `https://x.example/?${'utm_a=1&'.repeat(200)}` } },
    { page: { url: 'about:srcdoc', referrer: 'android-app://com.example' } },
    { page: { url: 'https://x.example/?next=javascript:alert(1)' } },
  ]) {
    const response = await open(more)
    expect([more, response.status, await response.text()]).toEqual([more, 200, expect.any(String)])
  }
  for (const more of [
    { language: '\0' },
    { language: 'x'.repeat(36) },
    { page: { url: 'x\0' } },
    { page: { url: `https://x.example/${'x'.repeat(2_000)}` } },
    { page: { url: 'x', title: '\0' } },
    ...[
      'javascript:alert(1)',
      ' JavaScript:alert(1)',
      'java\nscript:alert(1)',
      'data:text/html,<script>',
      'vbscript:x',
    ].flatMap((url) => [{ page: { url } }, { page: { url: 'https://x.example/', referrer: url } }]),
    { page: 'https://x.example/' },
    { siteKey: ['a'] },
    { token: 'x'.repeat(201) },
    { identity: 'x'.repeat(4_001) },
    { unknown: true },
  ])
    expect([more, (await refusal(open(more))).code]).toEqual([more, 'invalid_input'])
  expect((await refusal(open({ siteKey: '\0' }))).status).toBe(404)
  expect((await refusal(open({ siteKey: 'unknown' }))).status).toBe(404)
  const headers = { 'user-agent': 'x'.repeat(8_000), 'accept-language': '\u00ff\u00fe' }
  expect((await http.raw('POST', '/widget/sessions', { siteKey }, headers)).status).toBe(200)
})

test('a request that never comes to its end is not waited for for ever', ({ foyer }) => {
  const { requestTimeout, headersTimeout } = foyer.app.server
  expect(requestTimeout).toBeGreaterThan(0)
  expect(headersTimeout).toBeGreaterThan(0)
})

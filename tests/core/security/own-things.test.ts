import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CannedReply } from '#core/contracts/canned-replies.ts'
import { sharedCalendar } from '#tests/core/meetings/a-booking.ts'
import { aSite } from '#tests/support/factories.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { aPng, sendFile } from '#tests/support/upload.ts'
import { type ListedRoute, startListed } from './route-table.ts'

/** Every route of a visitor's about one thing, taken from the route table, and what agents keep for themselves. */
let foyer: TestFoyer
let routes: ListedRoute[]
beforeAll(async () => {
  ;({ foyer, calls: routes } = await startListed({ workers: false }))
})
afterAll(() => foyer.close())

const statusOf = async (answer: Promise<Response>) => {
  const response = await answer
  await response.text()
  return response.status
}

test('a conversation is its own visitor’s, not another’s, of this site or another, nor of whoever forges a token', async () => {
  const { visitor, id } = await foyer.chat({ first: 'Mine' })
  const { entry } = await sendFile(visitor.http, `/widget/conversations/${id}/files`, aPng())
  const fileId = String(entry.data?.id)
  const elsewhere = await aSite(foyer.pool, foyer.clock.now(), { name: 'Elsewhere' })
  const strangers = [await foyer.visitor(), await foyer.visitor({ siteKey: elsewhere.key })]
  const { token } = visitor.session
  const forged = [
    'guessed',
    '',
    `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
    token.toUpperCase(),
    `${token}\\0`,
    visitor.id,
    id,
  ]
  const about = routes.filter(({ url, access }) => access === 'visitor' && url.includes(':id'))
  expect(about.length).toBeGreaterThanOrEqual(5)
  const upload = { 'content-type': 'application/octet-stream', 'foyer-file-name': 'a.png' }
  for (const { method, url } of about) {
    const path = url.replace('/api/v1', '').replace(':id', id).replace(':fileId', fileId)
    const isUpload = method === 'POST' && url.endsWith('/files')
    const call = (http: HttpClient) =>
      statusOf(
        isUpload
          ? http.raw(method, path, aPng().toString('latin1'), { ...upload, 'foyer-client-id': randomUUID() })
          : http.raw(
              method,
              path,
              method === 'GET' ? undefined : { clientId: randomUUID(), text: 'Let me in' },
            ),
      )
    for (const stranger of strangers)
      expect([method, url, await call(stranger.http)]).toEqual([method, url, 404])
    for (const wrong of forged) {
      const http = new HttpClient(foyer.origin)
      http.useToken(wrong)
      expect([method, url, wrong, await call(http)]).toEqual([method, url, wrong, 401])
    }
  }
  // whoever's it is reads both
  for (const path of ['/messages', `/files/${fileId}`])
    expect(await statusOf(visitor.http.raw('GET', `/widget/conversations/${id}${path}`))).toBe(200)
  expect((await foyer.stateOf(id)).status).toBe('active')
  expect((await foyer.stateOf(id)).texts).toEqual(['Mine'])
})

test('an agent’s own meetings, replies and hours are no colleague’s to read or change', async () => {
  const { host, guest } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  const meeting = await guest.books(slots[0]?.start)
  const reply = await host.http.post<CannedReply>('/canned-replies', {
    shared: false,
    shortcut: 'mine',
    text: 'Only mine',
  })
  const schedule = { timeZone: 'UTC', blocks: [], datesOff: [] }
  const { http } = await foyer.agent({ online: false })
  const settings = await http.get<object>('/agents/me/meeting-settings')
  const tries: [method: string, path: string, body: object | undefined, status: number][] = [
    ['GET', `/meetings/${meeting.id}`, undefined, 404],
    ['GET', `/meetings/${meeting.id}/slots`, undefined, 404],
    ['POST', `/meetings/${meeting.id}/cancel`, {}, 404],
    ['POST', `/meetings/${meeting.id}/noted`, {}, 404],
    ['POST', `/meetings/${meeting.id}/reschedule`, { start: slots[3]?.start }, 404],
    ['PUT', `/canned-replies/${reply.id}`, { shared: false, shortcut: 'yours', text: 'Taken' }, 404],
    ['DELETE', `/canned-replies/${reply.id}`, undefined, 204],
    ['GET', `/agents/${host.id}/meeting-settings`, undefined, 404],
    ['PUT', `/agents/${host.id}/meeting-settings`, settings, 403],
    ['PUT', `/agents/${host.id}/live-chat-schedule`, schedule, 403],
  ]
  for (const [method, path, body, status] of tries)
    expect([method, path, await statusOf(http.raw(method, path, body))]).toEqual([method, path, status])
  const theirs = await host.http.get<object>('/canned-replies')
  expect(JSON.stringify(theirs)).toContain('Only mine')
  expect(JSON.stringify(await http.get('/canned-replies'))).not.toContain('Only mine')
  expect(JSON.stringify(await http.get('/meetings'))).not.toContain(meeting.id)
  expect(await host.http.get(`/meetings/${meeting.id}`)).toMatchObject({
    state: 'booked',
    start: slots[0]?.start,
  })
})

import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Conversation, Entry } from '#core/contracts/conversations.ts'
import type { SentFile } from '#core/contracts/files.ts'
import { forgetOld } from '#core/features/retention/retention.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { startFoyer, test } from '#tests/support/foyer.ts'
import type { HttpClient } from '#tests/support/http-client.ts'
import { aPng, sendFile } from '#tests/support/upload.ts'
import { waitFor } from '#tests/support/wait.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

const ofVisitor = (id: string) => `/widget/conversations/${id}/files`
const ofAgent = (id: string) => `/conversations/${id}/files`
const fileOf = ({ data }: Entry) => data as SentFile
const read = async (http: HttpClient, path: string) => {
  const response = await http.raw('GET', path)
  return { response, bytes: Buffer.from(await response.arrayBuffer()) }
}

test('files go both ways, byte for byte, as lines of the log', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  // several pieces, the last one short
  const big = aPng(640, 480, 700_001)
  for (let at = 64; at < big.length; at++) big[at] = (at * 31) % 251
  const sent = await sendFile(visitor.http, ofVisitor(id), big, { name: 'Büro plan.PNG', clientId: 'one' })
  expect(sent.entry).toMatchObject({
    kind: 'file',
    text: 'Büro plan.PNG',
    sender: { type: 'visitor', id: visitor.id },
    clientId: 'one',
    data: { mediaType: 'image/png', size: 700_001, width: 640, height: 480 },
  })
  const heard = await agent.socket.frame('entry', ({ entry }) => entry.kind === 'file')
  expect(heard.entry).toEqual(sent.entry)
  const row = await agent.http.get<Conversation>(`/conversations/${id}`)
  expect(row).toMatchObject({ lastText: 'Büro plan.PNG', lastSender: 'visitor', unread: 2 })
  expect(row.waitingSince).not.toBeNull()

  const { response, bytes } = await read(agent.http, `${ofAgent(id)}/${fileOf(sent.entry).id}`)
  expect(bytes.equals(big)).toBe(true)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'image/png',
    'content-length': '700001',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'content-disposition': `inline; filename="B_ro plan.PNG"; filename*=UTF-8''B%C3%BCro%20plan.PNG`,
    'cache-control': 'private, no-cache',
  })
  const again = await agent.http.raw('GET', `${ofAgent(id)}/${fileOf(sent.entry).id}`, undefined, {
    'if-none-match': response.headers.get('etag') ?? '',
  })
  expect([again.status, await again.text()]).toEqual([304, ''])

  const back = await sendFile(agent.http, ofAgent(id), '%PDF-1.7 and so on', { name: 'offer.pdf' })
  await visitor.socket.frame('entry', ({ entry }) => entry.seq === back.entry.seq)
  const got = await read(visitor.http, `${ofVisitor(id)}/${fileOf(back.entry).id}`)
  expect(got.bytes.toString()).toBe('%PDF-1.7 and so on')
  // only pictures are shown
  expect(got.response.headers.get('content-type')).toBe('application/octet-stream')
  expect(got.response.headers.get('content-disposition')).toMatch(/^attachment; filename="offer.pdf"/)
  expect((await agent.http.get<Conversation>(`/conversations/${id}`)).waitingSince).toBeNull()

  const transcript = await agent.http.get<string>(`/conversations/${id}/transcript.txt`)
  expect(transcript).toContain(': (sent a file: Büro plan.PNG, 684 KB)\n')
  await waitFor('it is found by its name', async () => {
    const found = await agent.http.get<{ conversations: Conversation[] }>(
      '/conversations?view=active&query=Büro',
    )
    return found.conversations.some((one) => one.id === id)
  })
})

test('a file sent again, before or after, at once or later, is stored once', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  const send = () => sendFile(visitor.http, ofVisitor(id), aPng(), { clientId: 'again' })
  const all = await Promise.all([send(), send(), send()])
  all.push(await send())
  for (const one of all) expect(one).toEqual(all[0])
  await agent.ends(id)
  // the answer to the first try may have got lost just before the end
  expect((await send()).entry).toEqual(all[0]?.entry)
  const { rows } = await foyer.pool.query('select seq from files where conversation_id = $1', [id])
  expect(rows).toHaveLength(1)
  await expect(sendFile(visitor.http, ofVisitor(id), aPng())).rejects.toMatchObject({
    status: 409,
    code: 'conversation_ended',
  })
  const { rows: after } = await foyer.pool.query('select id from files where conversation_id = $1', [id])
  expect(after).toHaveLength(1)
})

test('a client id that a message has is no file’s', async ({ foyer }) => {
  const { visitor, id } = await foyer.chat()
  await visitor.says('Words', { clientId: 'taken' })
  await expect(sendFile(visitor.http, ofVisitor(id), aPng(), { clientId: 'taken' })).rejects.toMatchObject({
    status: 409,
    code: 'client_id_taken',
  })
})

test('a file is seen by whoever sees its chat, and by nobody else', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  const { entry } = await sendFile(visitor.http, ofVisitor(id), aPng())
  const other = await foyer.agent({ online: false, profile: 'admin' })
  const stranger = await foyer.visitor()
  const path = fileOf(entry).id
  const statusOf = async (http: HttpClient, at: string) => (await http.raw('GET', at)).status
  expect(await statusOf(other.http, `${ofAgent(id)}/${path}`)).toBe(404)
  expect(await statusOf(stranger.http, `${ofVisitor(id)}/${path}`)).toBe(404)
  expect(await statusOf(visitor.http, `${ofAgent(id)}/${path}`)).toBe(401)
  expect(await statusOf(agent.http, `${ofVisitor(id)}/${path}`)).toBe(401)
  expect(await statusOf(agent.http, `${ofAgent(id)}/${randomUUID()}`)).toBe(404)
  // by another chat's address it is not there
  const { visitor: second, id: otherId } = await foyer.chat()
  expect(await statusOf(second.http, `${ofVisitor(otherId)}/${path}`)).toBe(404)
  for (const http of [other.http, second.http])
    await expect(
      sendFile(http, http === other.http ? ofAgent(id) : ofVisitor(id), aPng()),
    ).rejects.toMatchObject({ status: 404 })
  await agent.ends(id)
  expect(await statusOf(other.http, `${ofAgent(id)}/${path}`)).toBe(200)
})

test('what is allowed is counted, what is on its way too, and a file goes with its chat', async () => {
  const foyer = await startFoyer({
    settings: { limits: { filesAConversation: 3, visitorFileBytesADay: 2_000, fileBytes: 1_024 } },
  })
  const { visitor, agent, id } = await foyer.chat()
  const send = (bytes: number) => sendFile(visitor.http, ofVisitor(id), aPng(1, 1, bytes))
  await expect(send(1_025)).rejects.toMatchObject({ status: 413, code: 'too_large' })
  const raced = await Promise.allSettled([send(900), send(900), send(900), send(900)])
  expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  await expect(send(500)).rejects.toMatchObject({ status: 409, code: 'upload_quota' })
  await sendFile(agent.http, ofAgent(id), aPng())
  await expect(sendFile(agent.http, ofAgent(id), aPng())).rejects.toMatchObject({ code: 'too_many_files' })
  const count = async (table: string) =>
    (await foyer.pool.query<{ n: number }>(`select count(*)::int as n from ${table}`)).rows[0]?.n
  expect(await count('files')).toBe(3)
  await agent.ends(id)
  foyer.clock.advance(25 * 31 * 86_400_000)
  await forgetOld(foyer.app.services, new AbortController().signal)
  expect([await count('files'), await count('file_pieces')]).toEqual([0, 0])
  await foyer.close()
})

test('an upload that broke off long ago is swept away', async () => {
  const foyer = await startFoyer({ workers: false })
  const { visitor, id } = await foyer.chat()
  await foyer.pool.query(
    `insert into files (id, conversation_id, sender_type, sender_id, client_id, name, size, at)
     values (gen_random_uuid(), $1, 'visitor', $2, 'x', '', 5, $3), (gen_random_uuid(), $1, 'visitor', $2, 'y', '', 5, $4)`,
    [id, visitor.id, new Date(foyer.clock.now().getTime() - 3_700_000), foyer.clock.now()],
  )
  const gone = await forgetOld(foyer.app.services, new AbortController().signal)
  expect(gone.arrivingFiles).toBe(1)
  await foyer.close()
})

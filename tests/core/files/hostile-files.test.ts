import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { SentFile } from '#core/contracts/files.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { aPng, sendFile } from '#tests/support/upload.ts'
import { waitFor } from '#tests/support/wait.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

const filesOf = (id: string) => `/widget/conversations/${id}/files`

test('a name says what it is and nothing else', async ({ foyer }) => {
  const { visitor, id } = await foyer.chat()
  const cases: [string, string][] = [
    ['../../etc/passwd', 'passwd.png'],
    ['C:\\Windows\\system32\\evil.exe', 'evil.exe.png'],
    ['annexe\u202egnp.exe', 'annexegnp.exe.png'],
    ['\u2066x\u2069\u200by\ufeff.png', 'xy.png'],
    ['nul\0byte.png', 'nulbyte.png'],
    ['line\r\nSet-Cookie: a=b.png', 'lineSet-Cookie_ a=b.png'],
    ['"; filename="x.html', '_; filename=_x.html.png'],
    ['<img src=x onerror=alert(1)>.png', '_img src=x onerror=alert(1)_.png'],
    ['   ', 'file.png'],
    ['....', 'file.png'],
    ['.png', 'png.png'],
    ['x'.repeat(500), `${'x'.repeat(120)}.png`],
    ['🙂'.repeat(130), `${'🙂'.repeat(120)}.png`],
    ['photo.JPG', 'photo.JPG.png'],
  ]
  for (const [name, kept] of cases) {
    const { entry } = await sendFile(visitor.http, filesOf(id), aPng(), { name })
    expect([name, entry.text]).toEqual([name, kept])
  }
  for (const name of ['%', '%ff', '%00%ff'])
    await expect(
      sendFile(visitor.http, filesOf(id), aPng(), { headers: { 'foyer-file-name': name } }),
    ).rejects.toMatchObject({ status: 422 })
})

test('whatever the name, the header that gives it back is one header', async ({ foyer }) => {
  const { dispositionOf, cleanName } = await import('#core/features/files/names.ts')
  expect(foyer.origin).toMatch(/^http/)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.boolean(), (name, isShown) => {
      const clean = cleanName(encodeURIComponent(name.toWellFormed()), { mediaType: 'x', endings: ['txt'] })
      expect(clean).toMatch(/^[^/\\\p{Cc}\p{Cf}]+\.[a-z0-9]+$/iu)
      const header = dispositionOf(clean, isShown)
      expect(header).toMatch(/^(inline|attachment); filename="[^"\\]+"; filename\*=UTF-8''[\w.!#$&+^`|~%-]+$/)
      expect(decodeURIComponent(header.slice(header.indexOf("''") + 2))).toBe(clean)
    }),
    { numRuns: 500 },
  )
})

test('only the bytes say what a file is, and all but pictures are downloads', async ({ foyer }) => {
  const { agent, id } = await foyer.chat()
  const path = `/conversations/${id}/files`
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
  const taken: [string, Buffer | string, string, string][] = [
    ['picture.png', svg, 'text/plain', 'picture.png.txt'],
    ['logo.svg', svg, 'text/plain', 'logo.svg'],
    ['page.html', '<!doctype html><script>alert(1)</script>', 'text/plain', 'page.html'],
    ['run.bat', 'del /s /q c:\\', 'text/plain', 'run.bat.txt'],
    ['run.sh', '#!/bin/sh\nrm -rf /', 'text/plain', 'run.sh.txt'],
    // a picture that is a script as well: it is served as the picture, and nothing may run it
    [
      'both.js',
      Buffer.concat([Buffer.from('GIF89a/*'), Buffer.from('*/=1;alert(1)//')]),
      'image/gif',
      'both.js.gif',
    ],
    [
      'both.html',
      Buffer.concat([aPng(), Buffer.from('<script>alert(1)</script>')]),
      'image/png',
      'both.html.png',
    ],
    ['jar.jar', Buffer.from('504b0304140008', 'hex'), 'application/zip', 'jar.jar.zip'],
    ['macro.docm', Buffer.from('504b0304140008', 'hex'), 'application/zip', 'macro.docm.zip'],
    ['letter.docx', Buffer.from('504b0304140008', 'hex'), 'application/zip', 'letter.docx'],
  ]
  for (const [name, body, mediaType, kept] of taken) {
    const { entry } = await sendFile(agent.http, path, body, { name })
    const file = entry.data as SentFile
    expect([name, file.mediaType, entry.text]).toEqual([name, mediaType, kept])
    const { headers } = await agent.http.raw('GET', `${path}/${file.id}`)
    const isPicture = mediaType.startsWith('image/')
    expect(headers.get('content-type')).toBe(isPicture ? mediaType : 'application/octet-stream')
    expect(headers.get('content-disposition')).toMatch(isPicture ? /^inline/ : /^attachment/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain('sandbox')
  }
  const programs = [
    'MZ\x90\0\x03',
    '\x7fELF\x02\x01\x01\0',
    '\xcf\xfa\xed\xfe\x07\0',
    '\0asm\x01',
    'a\0b',
    '\x1b[2J',
  ]
  for (const program of programs)
    await expect(
      sendFile(agent.http, path, Buffer.from(program, 'latin1'), { name: 'picture.png' }),
    ).rejects.toMatchObject({ status: 415, code: 'file_type_not_allowed' })
})

test('heads that lie or end early cost nothing', async () => {
  const { kindOf } = await import('#core/features/files/kinds.ts')
  const { pictureSize } = await import('#core/features/files/picture-size.ts')
  expect(pictureSize('image/png', aPng(640, 480))).toEqual({ width: 640, height: 480 })
  expect(pictureSize('image/png', aPng(0, 480))).toBeNull()
  expect(pictureSize('image/png', aPng(4_000_000_000, 1))).toBeNull()
  const heads = [
    aPng(),
    Buffer.from('ffd8ffe000104a46494600010100000100010000ffc0001108012c0190030122', 'hex'),
    Buffer.from('4749463839619001c800', 'hex'),
    Buffer.from('524946460000000057454250565038580a00000000000000 8f0100c70000'.replaceAll(' ', ''), 'hex'),
  ]
  expect(heads.map((head) => pictureSize(kindOf(head)?.mediaType ?? '', head)).slice(1)).toEqual([
    { width: 400, height: 300 },
    { width: 400, height: 200 },
    { width: 400, height: 200 },
  ])
  fc.assert(
    fc.property(
      fc.constantFrom(...heads),
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(40),
      (head, noise, cut) => {
        const bytes = Buffer.concat([head.subarray(0, cut), noise])
        const kind = kindOf(bytes)
        if (kind) pictureSize(kind.mediaType, bytes)
      },
    ),
    { numRuns: 2_000 },
  )
})

/** What a socket answers to these very bytes, as far as it goes. */
function talk(foyer: TestFoyer, text: string, hangUp = false): Promise<string> {
  const { port } = new URL(foyer.origin)
  return new Promise((resolve) => {
    let heard = ''
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write(text)
      if (hangUp) setImmediate(() => socket.destroy())
    })
    socket.on('data', (data) => {
      heard += data
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(heard))
  })
}

test('wrong lengths, broken lines and empty files leave nothing behind', async ({ foyer }) => {
  const { visitor, id } = await foyer.chat()
  const head = (more: string) =>
    `POST /api/v1${filesOf(id)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: ${visitor.http.headers.authorization}\r\n` +
    `content-type: application/octet-stream\r\nfoyer-client-id: ${randomUUID()}\r\nfoyer-file-name: a.png\r\n${more}\r\n`
  expect(await talk(foyer, head('content-length: 0\r\n'))).toMatch(/^HTTP\/1.1 422/)
  expect(await talk(foyer, `${head('transfer-encoding: chunked\r\n')}5\r\nhello\r\n0\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 411/,
  )
  expect(await talk(foyer, head('content-length: 99999999999\r\n'))).toMatch(/^HTTP\/1.1 413/)
  expect(await talk(foyer, head('content-length: -1\r\n'))).toMatch(/^HTTP\/1.1 400/)
  expect(await talk(foyer, head('content-length: 5\r\ncontent-length: 7\r\n'))).toMatch(/^HTTP\/1.1 400/)
  // announced and never sent whole
  await talk(foyer, `${head('content-length: 1000000\r\n')}GIF89a`, true)
  await talk(foyer, head('content-length: 1000000\r\n'), true)
  await waitFor('nothing is left', async () => {
    const { rows } = await foyer.pool.query('select id from files where conversation_id = $1', [id])
    return rows.length === 0
  })
  const wrong: Record<string, string>[] = [
    { 'foyer-client-id': 'no spaces' },
    { 'foyer-client-id': 'x'.repeat(65) },
    { 'foyer-file-name': '' },
    { 'foyer-file-name': 'x'.repeat(4_001) },
  ]
  for (const headers of wrong)
    await expect(sendFile(visitor.http, filesOf(id), aPng(), { headers })).rejects.toMatchObject({
      status: 422,
    })
  for (const type of ['image/png', 'application/json', 'multipart/form-data; boundary=x', 'text/html'])
    await expect(
      sendFile(visitor.http, filesOf(id), aPng(), { headers: { 'content-type': type } }),
    ).rejects.toMatchObject({ status: 415, code: 'wrong_media_type' })
  await expect(sendFile(new HttpClient(foyer.origin), filesOf(id), aPng())).rejects.toMatchObject({
    status: 401,
  })
  expect((await foyer.stateOf(id)).lastSeq).toBe(2)
})

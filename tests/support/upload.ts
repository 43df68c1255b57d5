import { randomUUID } from 'node:crypto'
import type { Problem } from '#core/contracts/common.ts'
import type { StoredFile } from '#core/contracts/files.ts'
import { type HttpClient, RefusedError } from './http-client.ts'

/** A PNG of this size: its head is right, which is all that anybody but a browser reads. */
export function aPng(width = 3, height = 2, bytes = 200): Buffer {
  const png = Buffer.alloc(Math.max(bytes, 33), 7)
  Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').copy(png)
  png.writeUInt32BE(width, 16)
  png.writeUInt32BE(height, 20)
  return png
}

/** Sends a file as the inbox and the widget do. @throws {RefusedError} */
export async function sendFile(
  http: HttpClient,
  path: string,
  body: Buffer | string,
  { name = 'photo.png', clientId = randomUUID() as string, headers = {} as Record<string, string> } = {},
): Promise<StoredFile> {
  const response = await fetch(`${http.origin}/api/v1${path}`, {
    method: 'POST',
    headers: {
      ...http.headers,
      connection: 'close',
      'content-type': 'application/octet-stream',
      'foyer-client-id': clientId,
      'foyer-file-name': encodeURIComponent(name),
      ...headers,
    },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  })
  const answer = (await response.json()) as StoredFile & Problem
  if (!response.ok) throw new RefusedError(answer)
  return answer
}

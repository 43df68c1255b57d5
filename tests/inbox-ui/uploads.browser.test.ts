import { expect, test } from 'vitest'
import { ApiError, ConnectionError } from '../../inbox-ui/app/api.ts'
import { Uploads } from '../../inbox-ui/files/uploads.svelte.ts'

/** An upload that ends with `error`. */
async function refused(error: Error, file = new File(['MZ'], 'a file')) {
  const uploads = new Uploads({
    api: { upload: () => Promise.reject(error) },
    onstored: () => {},
    words: { tooLarge: 'too large', empty: 'empty', lost: 'lost' },
  })
  uploads.add('chat', [file])
  await expect.poll(() => uploads.of('chat')[0]?.state, { timeout: 10_000 }).toBe('failed')
  return uploads.of('chat')[0]
}
const answer = (status: number, code: string) => new ApiError({ status, code, detail: code })

test('a file that can never be sent is not offered to be sent again', async () => {
  for (const error of [answer(415, 'file_type_not_allowed'), answer(413, 'too_large')])
    expect(await refused(error)).toMatchObject({ error: error.message, maySendAgain: false })
  const unread = new Error('nobody asked')
  expect(await refused(unread, new File([], 'empty'))).toMatchObject({ error: 'empty', maySendAgain: false })
})

test('what another answer may take can be sent again', async () => {
  for (const error of [answer(409, 'too_many_files'), answer(503, 'busy'), new ConnectionError()])
    expect(await refused(error)).toMatchObject({ maySendAgain: true })
})

test('an upload of which nobody knows whether it arrived is sent again under its id, by itself', async () => {
  const sent: unknown[] = []
  const stored: string[] = []
  const uploads = new Uploads({
    api: {
      upload: async <T>(
        _path: string,
        _file: Blob,
        _type: string,
        _progress: unknown,
        options?: { headers?: Record<string, string> },
      ) => {
        sent.push(options?.headers?.['foyer-client-id'])
        if (sent.length === 1) throw answer(503, 'unavailable')
        return { entry: { seq: 7 } } as T
      },
    },
    onstored: (conversationId) => stored.push(conversationId),
    words: { tooLarge: 'too large', empty: 'empty', lost: 'lost' },
  })
  uploads.add('chat', [new File(['MZ'], 'a file')])
  await expect.poll(() => stored, { timeout: 10_000 }).toEqual(['chat'])
  expect(sent).toEqual([sent[0], sent[0]])
})

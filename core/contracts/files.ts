import { z } from 'zod'
import { ClientId, Id } from './common.ts'
import { Entry } from './conversations.ts'

/** What the line of a file carries as its `data`; its `text` is the name. */
export const SentFile = z.object({
  id: Id,
  /** What the first bytes say, whatever the sender said. */
  mediaType: z.string(),
  /** Bytes. */
  size: z.number().int(),
  /** In pixels, of pictures whose head tells. */
  width: z.number().int().nullable(),
  height: z.number().int().nullable(),
})
export type SentFile = z.infer<typeof SentFile>

/** A file is sent as it is, with content-type application/octet-stream; what else is known of it stands in headers. */
export const FileHeaders = z.object({
  'foyer-client-id': ClientId,
  /** Percent-encoded UTF-8, as encodeURIComponent writes it. */
  'foyer-file-name': z.string().min(1).max(4_000),
})

/** The line it became, the same one however often it is sent. */
export const StoredFile = z.object({ entry: Entry })
export type StoredFile = z.infer<typeof StoredFile>

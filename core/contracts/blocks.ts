import { z } from 'zod'
import { Cursor, Id, Instant } from './common.ts'
import { Conversation } from './conversations.ts'

/** Somebody no agent is asked for any more; they are not told, and read that nobody is available. */
export const Block = z.object({
  id: Id,
  /** Null once the visitor is forgotten; the address still holds. */
  visitor: z.object({ id: Id, name: z.string().nullable() }).nullable(),
  /** Whoever gives this address is blocked too. */
  email: z.string().nullable(),
  blockedBy: z.object({ id: Id, name: z.string() }),
  blockedAt: Instant,
})
export type Block = z.infer<typeof Block>

export const ListBlocks = z.object({ cursor: Cursor.optional() })
/** Those in force, newest first. */
export const BlockPage = z.object({ blocks: z.array(Block), nextCursor: z.string().nullable() })
export type BlockPage = z.infer<typeof BlockPage>

/** `email`: also whoever gives the address agents know them by. */
export const BlockVisitor = z.strictObject({ email: z.boolean().default(false) }).prefault({})
/** The chat it was done from, ended by it if it went on. */
export const BlockedVisitor = z.object({ block: Block, conversation: Conversation })
export type BlockedVisitor = z.infer<typeof BlockedVisitor>

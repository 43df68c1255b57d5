import type { Entry } from '../../core/contracts/conversations.ts'
import type { SentFile } from '../../core/contracts/files.ts'

/** What the line of a file says of it. */
export const fileOf = ({ data }: Entry): SentFile => data as unknown as SentFile

const box = { width: 260, height: 200 }
/** A picture of more is not drawn: a few bytes can ask for gigabytes of memory. */
const mostPixels = 50_000_000
const shown = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']

/** The room a picture takes in the chat, known before it comes so that nothing moves; null for what is shown by its name
 *  only. */
export function roomFor({ mediaType, width, height }: SentFile): { width: number; height: number } | null {
  if (!shown.includes(mediaType) || !width || !height || width * height > mostPixels) return null
  const scale = Math.min(1, box.width / width, box.height / height)
  const side = (length: number) => Math.max(24, Math.round(length * scale))
  return { width: side(width), height: side(height) }
}

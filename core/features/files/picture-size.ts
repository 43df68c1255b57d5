/** Width and height in pixels as the head of a picture tells them: numbers at known places, nothing is decoded. So the
 *  chat can keep the room for it before it comes. Null where the head does not say, or says what no picture has. */
export function pictureSize(mediaType: string, head: Buffer): { width: number; height: number } | null {
  try {
    const size = readers[mediaType]?.(head) ?? null
    return size && size.width > 0 && size.height > 0 && size.width < 65_536 && size.height < 65_536
      ? size
      : null
  } catch (error) {
    // it ends where a number should stand
    if (error instanceof RangeError) return null
    throw error
  }
}

type Size = { width: number; height: number }

const readers: Record<string, (head: Buffer) => Size | null> = {
  'image/png': (head) => ({ width: head.readUInt32BE(16), height: head.readUInt32BE(20) }),
  'image/gif': (head) => ({ width: head.readUInt16LE(6), height: head.readUInt16LE(8) }),
  'image/webp': webp,
  'image/jpeg': jpeg,
}

/** https://developers.google.com/speed/webp/docs/riff_container */
function webp(head: Buffer): Size | null {
  switch (head.toString('latin1', 12, 16)) {
    case 'VP8X':
      return { width: head.readUIntLE(24, 3) + 1, height: head.readUIntLE(27, 3) + 1 }
    case 'VP8L': {
      const bits = head.readUInt32LE(21)
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
    }
    case 'VP8 ':
      return { width: head.readUInt16LE(26) & 0x3fff, height: head.readUInt16LE(28) & 0x3fff }
    default:
      return null
  }
}

/** Steps from marker to marker to the one that begins the frame: https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.2 */
function jpeg(head: Buffer): Size | null {
  for (let at = 2; at < head.length; ) {
    if (head[at] !== 0xff) return null
    const marker = head[at + 1] ?? 0
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame) return { width: head.readUInt16BE(at + 7), height: head.readUInt16BE(at + 5) }
    // padding
    if (marker === 0xff) at += 1
    else at += 2 + Math.max(2, head.readUInt16BE(at + 2))
  }
  return null
}

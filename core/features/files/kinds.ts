/** What a file is by its first bytes: nothing the sender says about it is believed. Only what is listed here is taken. */
export interface Kind {
  mediaType: string
  /** Endings such a file may have; another one gets the first of these, so that nothing runs that looks harmless. */
  endings: readonly string[]
  /** Shown in the chat; everything else is only ever downloaded. */
  isPicture?: true
}

interface Known extends Kind {
  matches: (head: Buffer) => boolean
}

const ascii =
  (text: string, at = 0) =>
  (head: Buffer) =>
    head.toString('latin1', at, at + text.length) === text
const bytes =
  (...wanted: number[]) =>
  (head: Buffer) =>
    wanted.every((byte, index) => head[index] === byte)
const riff = (form: string) => (head: Buffer) => ascii('RIFF')(head) && ascii(form, 8)(head)
/** https://mp4ra.org/registered-types/brands */
const brand = (pattern: RegExp) => (head: Buffer) =>
  ascii('ftyp', 4)(head) && pattern.test(head.toString('latin1', 8, 12))

const kinds: readonly Known[] = [
  {
    mediaType: 'image/png',
    endings: ['png'],
    isPicture: true,
    matches: bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
  },
  { mediaType: 'image/jpeg', endings: ['jpg', 'jpeg'], isPicture: true, matches: bytes(0xff, 0xd8, 0xff) },
  {
    mediaType: 'image/gif',
    endings: ['gif'],
    isPicture: true,
    matches: (head) => ascii('GIF87a')(head) || ascii('GIF89a')(head),
  },
  { mediaType: 'image/webp', endings: ['webp'], isPicture: true, matches: riff('WEBP') },
  { mediaType: 'application/pdf', endings: ['pdf'], matches: ascii('%PDF-') },
  {
    mediaType: 'application/zip',
    endings: ['zip', 'docx', 'xlsx', 'pptx', 'odt', 'ods', 'odp'],
    matches: bytes(0x50, 0x4b, 0x03, 0x04),
  },
  {
    mediaType: 'application/x-ole-storage',
    endings: ['doc', 'xls', 'ppt'],
    matches: bytes(0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1),
  },
  { mediaType: 'application/gzip', endings: ['gz', 'tgz'], matches: bytes(0x1f, 0x8b, 0x08) },
  { mediaType: 'image/avif', endings: ['avif'], matches: brand(/^avi[fs]$/) },
  { mediaType: 'image/heic', endings: ['heic', 'heif'], matches: brand(/^(hei[cx]|hev[cx]|mif1|msf1)$/) },
  { mediaType: 'audio/mp4', endings: ['m4a'], matches: brand(/^M4[AB] $/) },
  { mediaType: 'video/quicktime', endings: ['mov'], matches: brand(/^qt {2}$/) },
  { mediaType: 'video/mp4', endings: ['mp4', 'm4v'], matches: brand(/^(isom|iso\d|mp4\d|avc1|M4V |dash)$/) },
  { mediaType: 'video/webm', endings: ['webm', 'mkv'], matches: bytes(0x1a, 0x45, 0xdf, 0xa3) },
  { mediaType: 'audio/wav', endings: ['wav'], matches: riff('WAVE') },
  { mediaType: 'audio/ogg', endings: ['ogg', 'oga', 'opus'], matches: ascii('OggS') },
  {
    mediaType: 'audio/mpeg',
    endings: ['mp3'],
    matches: (head) => ascii('ID3')(head) || (head[0] === 0xff && [0xfb, 0xf3, 0xf2].includes(head[1] ?? 0)),
  },
]

const text: Kind = {
  mediaType: 'text/plain',
  endings: 'txt csv tsv md json xml yaml yml log ics vcf eml html htm svg'.split(' '),
}

/** How much of a file tells what it is. */
export const headBytes = 4_096

/** @param head the first bytes, {@link headBytes} or all. @returns null for what is not taken. */
export function kindOf(head: Buffer): Kind | null {
  const found = kinds.find(({ matches }) => matches(head))
  if (found) return found
  return isText(head.subarray(0, headBytes)) ? text : null
}

/** In whatever encoding: bytes that no text has give programs away. */
function isText(head: Buffer): boolean {
  if (bytes(0xff, 0xfe)(head) || bytes(0xfe, 0xff)(head)) return true
  return head.every((byte) => byte >= 0x20 || [0x09, 0x0a, 0x0c, 0x0d].includes(byte))
}

export const kindOfType = (mediaType: string): Kind | undefined =>
  kinds.find((kind) => kind.mediaType === mediaType)

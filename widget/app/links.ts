export type Piece = { text: string; href?: string }

const address = /\bhttps?:\/\/[^\s<>"“”«»]+/gi
const trailing = /[.,;:!?'’*_~]+$/
const pairs: Record<string, string> = { ')': '(', ']': '[', '}': '{' }

/** Cuts a text into plain pieces and web addresses. Only http and https become links; what closes a sentence or a
 *  bracket around an address is not part of it. Joined, the pieces are the text. */
export const linkPieces = (text: string): Piece[] => {
  const pieces: Piece[] = []
  let done = 0
  for (const { 0: found, index } of text.matchAll(address)) {
    const shown = trim(found)
    const href = webAddress(shown)
    if (!href) continue
    if (index > done) pieces.push({ text: text.slice(done, index) })
    pieces.push({ text: shown, href })
    done = index + shown.length
  }
  if (done < text.length) pieces.push({ text: text.slice(done) })
  return pieces
}

const trim = (found: string): string => {
  const shorter = found.replace(trailing, '')
  const opening = pairs[shorter.at(-1) ?? '']
  if (opening && shorter.split(opening).length < shorter.split(shorter.at(-1) ?? '').length) {
    return trim(shorter.slice(0, -1))
  }
  return shorter
}

const webAddress = (text: string) => {
  const url = URL.parse(text)
  return url && (url.protocol === 'http:' || url.protocol === 'https:') ? url.href : null
}

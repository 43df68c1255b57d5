export type Piece = { text: string; href?: string }

const address = /\b(?:https?:\/\/[^\s<>"“”«»]+|mailto:[^\s<>"“”«»?]+@[^\s<>"“”«»?]+)/gi
const trailing = ".,;:!?'’*_~"
const pairs: Record<string, string> = { ')': '(', ']': '[', '}': '{' }

/** Cuts a text into plain pieces and web addresses. Only http, https and mailto become links; what closes a sentence or a
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

// One pass from the end: ten thousand brackets must not cost ten thousand passes.
const trim = (found: string): string => {
  const surplus = (closing: string) => found.split(closing).length - found.split(pairs[closing] ?? '').length
  const unmatched = new Map(Object.keys(pairs).map((closing) => [closing, surplus(closing)]))
  let end = found.length
  for (; end > 0; end--) {
    const last = found.charAt(end - 1)
    const left = unmatched.get(last) ?? 0
    if (left > 0) unmatched.set(last, left - 1)
    else if (!trailing.includes(last)) break
  }
  return found.slice(0, end)
}

const webAddress = (text: string) => {
  const url = URL.parse(text)
  return url && /^(https?|mailto):$/.test(url.protocol) ? url.href : null
}

export type Piece = { text: string; href?: undefined } | { text: string; href: string }

// Only these schemes ever become a link: a javascript: address typed by a visitor stays text.
const address = /\b(?:https?:\/\/[^\s<>"']+|mailto:[^\s<>"'?]+@[^\s<>"'?]+)/gi
const trailing = '.,;:!?…»”’'

/** Text cut at its web addresses. Punctuation after an address belongs to the sentence, as does a bracket that the
 *  address did not open. */
export function pieces(text: string): Piece[] {
  const result: Piece[] = []
  let end = 0
  for (const match of text.matchAll(address)) {
    const found = trim(match[0])
    if (!URL.canParse(found)) continue
    if (match.index > end) result.push({ text: text.slice(end, match.index) })
    result.push({ text: found, href: found })
    end = match.index + found.length
  }
  if (end < text.length) result.push({ text: text.slice(end) })
  return result
}

/** One pass from the end: ten thousand brackets must not cost ten thousand passes, each time the message is drawn. */
function trim(found: string): string {
  let unopened = count(found, ')') - count(found, '(')
  let end = found.length
  for (; end > 0; end--) {
    const last = found.charAt(end - 1)
    if (last === ')' && unopened > 0) unopened--
    else if (!trailing.includes(last)) break
  }
  return found.slice(0, end)
}

const count = (text: string, character: string) => text.split(character).length - 1

/** HubSpot shows notes and descriptions as HTML: what a visitor wrote must stay what it is. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => entities[character] ?? '')

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

/** As many characters of `text` as fit into `limit` once they are escaped, line breaks as `<br>`. */
export function escapedWithin(text: string, limit: number): { html: string; isWhole: boolean } {
  const parts: string[] = []
  let length = 0
  // by code points: half a character would be none
  for (const character of text.replace(/\r\n?/g, '\n')) {
    const part = character === '\n' ? '<br>' : escapeHtml(character)
    length += part.length
    if (length > limit) return { html: parts.join(''), isWhole: false }
    parts.push(part)
  }
  return { html: parts.join(''), isWhole: true }
}

/** What a person reads of it. Bodies come from anybody's mail: at most so much is looked at, once from left to right. */
export function plainText(html: string, longest = 2_000): string {
  const lines = textOf(html.slice(0, 100_000))
    .split('\n')
    .map((line) => line.trim())
  const whole = lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
  return whole.length <= longest ? whole : `${whole.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, '')}…`
}

const unseen = /^(style|script|head)\b/i
const endsLine = /^(br|\/(p|div|li|tr|h\d))\b/i

function textOf(html: string): string {
  const parts: string[] = []
  for (let at = 0; at < html.length; ) {
    const tagAt = nextTag(html, at)
    parts.push(
      html
        .slice(at, tagAt)
        .replace(/\s+/g, ' ')
        .replace(/&(#x?[0-9a-f]{1,6}|[a-z]{2,6});/gi, decoded),
    )
    const end = html.indexOf('>', tagAt)
    if (tagAt === html.length || end < 0) break
    const start = html.slice(tagAt + 1, tagAt + 12)
    if (endsLine.test(start)) parts.push('\n')
    at = end + 1
    const [, name] = unseen.exec(start) ?? []
    if (name) {
      const close = new RegExp(`</${name}`, 'gi')
      close.lastIndex = at
      // what is never closed hides all that follows
      at = close.exec(html)?.index ?? html.length
    }
  }
  return parts.join('')
}

/** A "<" before anything else is text. */
function nextTag(html: string, from: number): number {
  const tag = /<[a-z/!]/gi
  tag.lastIndex = from
  return tag.exec(html)?.index ?? html.length
}

function decoded(code: string, inside: string): string {
  if (!inside.startsWith('#')) return named[inside.toLowerCase()] ?? code
  const number = /^#x/i.test(inside) ? Number.parseInt(inside.slice(2), 16) : Number(inside.slice(1))
  return number > 0 && number <= 0x10ffff && !(number >= 0xd800 && number <= 0xdfff)
    ? String.fromCodePoint(number)
    : code
}

import { escapeHtml, plainText } from './html.ts'

/** HubSpot has no keys for requests. A line at the end of what Foyer writes says which entry it is; it stands alone and last, so that a visitor who
 *  writes such a line into a chat changes nothing. */
export const markerHtml = (key: string): string => `<p>Foyer reference: ${escapeHtml(key)}</p>`

export function keyOf(body: string | null | undefined): string | null {
  if (!body) return null
  const lines = plainText(body.slice(-4_000), 10_000).split('\n')
  const last = lines.findLast((line) => /^Foyer reference: /.test(line))
  const [, key] = /^Foyer reference: (foyer-(?:chat|meeting)-[\w-]+)$/.exec(last ?? '') ?? []
  return key ?? null
}

/** The body without it, for people. */
export const withoutMarker = (text: string): string =>
  text.replace(/\n*^Foyer reference: [\w-]+$/gm, '').trim()

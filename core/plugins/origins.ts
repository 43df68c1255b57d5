/** Whether a page of `origin` is one of Foyer's own: an address people were given, or the very host they called. A page
 *  that came without TLS is not its own where Foyer is reached over TLS: anybody on the way may have written it.
 *  @param called the host of the request, and whether it is known to have come over TLS.
 *  @param own the addresses people were given. */
export function isOwnOrigin(
  origin: string,
  called: { host: string | undefined; overTls: boolean },
  ...own: (string | null)[]
): boolean {
  if (!URL.canParse(origin)) return false
  const given = new URL(origin)
  const known = own.filter((url) => url !== null).map((url) => new URL(url))
  if (known.some((url) => url.origin === given.origin)) return true
  if (given.host !== called.host) return false
  if (given.protocol === 'https:') return true
  return !called.overTls && !known.some((url) => url.host === given.host && url.protocol === 'https:')
}

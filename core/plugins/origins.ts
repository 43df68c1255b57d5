/** Whether a page of `origin` is one of Foyer's own: the address people were given, or the very host they called. */
export function isOwnOrigin(origin: string, host: string | undefined, ...own: (string | null)[]): boolean {
  if (!URL.canParse(origin)) return false
  const given = new URL(origin)
  return given.host === host || own.some((url) => url !== null && new URL(url).origin === given.origin)
}

/** "/trade/halo-40" of a page's address; the host alone for a home page; the text itself if it is no address. */
export function pathOf(address: string): string {
  if (!URL.canParse(address)) return address
  const { pathname, host } = new URL(address)
  return pathname === '/' ? host : decode(pathname)
}

/** "shop.test/trade/halo-40": a visitor says which page they are on, so a link to it shows where it leads. */
export function hostAndPathOf(address: string): string {
  if (!URL.canParse(address)) return address
  const { pathname, host } = new URL(address)
  return pathname === '/' ? host : host + decode(pathname)
}

export const isWebAddress = (address: string): boolean =>
  /^https?:\/\//i.test(address) && URL.canParse(address)

function decode(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}

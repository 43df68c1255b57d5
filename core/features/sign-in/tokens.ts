import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** 256 bits nobody can guess, for cookies, visitors and links. Only its hash is stored. */
export const newToken = () => randomBytes(32).toString('base64url')

export const hashToken = (token: string) => createHash('sha256').update(token).digest()

/** What the first frame of /ws/agent carries: proves that whoever opened the socket could read /me, which a foreign
 *  page that merely rides on the cookie cannot. */
export const socketTokenOf = (sessionToken: string) =>
  createHmac('sha256', sessionToken).update('foyer agent socket').digest('base64url')

export function sameToken(a: string, b: string): boolean {
  const [left, right] = [hashToken(a), hashToken(b)]
  return timingSafeEqual(left, right)
}

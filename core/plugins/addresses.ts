import { isIPv6 } from 'node:net'

/** Whom an address stands for where something is counted: itself, or for IPv6 the /64 that one host takes its addresses
 *  from as it likes (RFC 8981). IPv4 written as IPv6 is IPv4. */
export function countedAs(address: string): string {
  if (!isIPv6(address)) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped) return mapped
  const [left, right] = address.split('%', 1)[0]?.split('::') ?? []
  const [front, back] = [groupsOf(left), groupsOf(right)]
  const between = Array<string>(Math.max(8 - front.length - back.length, 0)).fill('0')
  const network = [...front, ...between, ...back].slice(0, 4)
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

/** An IPv4 ending takes the place of two groups; it is beyond the network, so what it says does not matter. */
const groupsOf = (text = '') =>
  text === '' ? [] : text.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]))

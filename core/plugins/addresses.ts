import { BlockList, isIP, isIPv6 } from 'node:net'

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

const own = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  own.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  // not ::/64: written as IPv6, all of IPv4 is in it
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  own.addSubnet(network, bits, 'ipv6')

/** Whether it is counted: neither is a network of one's own, where a proxy that nobody declared stands for everybody, nor what no one network
 *  can be told from. @param counted as {@link countedAs} gives it */
export function isPublic(counted: string): boolean {
  const address = counted.replace(/\/64$/, '')
  const kind = isIP(address)
  return kind !== 0 && !own.check(address, kind === 4 ? 'ipv4' : 'ipv6')
}

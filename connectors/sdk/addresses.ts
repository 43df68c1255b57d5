import { lookup as resolve } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { OutboundRefusedError } from './errors.ts'

/** @returns why this address may not be called, as far as its text tells; null if nothing speaks against it. Names are
 *  looked at again when they are connected to, by {@link publicOnly}.
 *  @param trustedOrigin may be called whatever it is: a stand-in that the operator has named.
 *  @param internalHosts may be in our own network: hosts that the operator has named, in lower case. */
export function whyNotOutbound(
  url: string,
  trustedOrigin: string | null = null,
  internalHosts: readonly string[] = [],
): string | null {
  const parsed = URL.parse(url)
  if (!parsed) return 'This is not a web address.'
  if (trustedOrigin !== null && parsed.origin === new URL(trustedOrigin).origin) return null
  if (parsed.protocol !== 'https:') return 'Only https addresses are called.'
  if (parsed.username || parsed.password) return 'An address with a password in it is not called.'
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  if (isNeverCalled(host)) return 'This address is never called.'
  if (internalHosts.includes(host)) return null
  if (isIP(host) ? isInternal(host) : isInternalName(host))
    return 'This address is in Foyer’s own network, which it does not call.'
  return null
}

/** As dns.lookup, but a name that stands for any internal address stands for none. */
export const publicOnly: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, [])
    const [first] = addresses
    if (!first || addresses.some(({ address }) => isInternal(address)))
      return callback(new OutboundRefusedError(`${hostname} is in our own network.`), [])
    if (options.all) return callback(null, addresses)
    callback(null, first.address, first.family)
  })
}

/** As {@link publicOnly}, for a host that the operator has named: it may be internal, and never what is never called. */
export const namedOnly: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, [])
    const [first] = addresses
    if (!first || addresses.some(({ address }) => isNeverCalled(address)))
      return callback(new OutboundRefusedError(`${hostname} stands for an address that is never called.`), [])
    if (options.all) return callback(null, addresses)
    callback(null, first.address, first.family)
  })
}

/** Names that mean this machine or its network wherever they are looked up: RFC 6761, 6762, 8375. */
const isInternalName = (host: string) =>
  /(^|\.)(localhost|local|internal|home\.arpa|localdomain)\.?$/i.test(host) || !host.includes('.')

/** Not reachable on the public internet, by the registries for special purposes: RFC 6890 and its updates. */
const special = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  special.addSubnet(network, prefix, 'ipv4')
const publicV6 = new BlockList()
publicV6.addSubnet('2000::', 3, 'ipv6')
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4 carries an IPv4 address, whichever
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  special.addSubnet(network, prefix, 'ipv6')

/** Where clouds hand out a machine's credentials, and what is no single host. */
const neverCalled = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  // Azure's and Alibaba's lie elsewhere
  ['169.254.0.0', 16],
  ['168.63.129.16', 32],
  ['100.100.100.200', 32],
  ['224.0.0.0', 3],
] as const)
  neverCalled.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [
  ['::', 128],
  ['fe80::', 10],
  ['ff00::', 8],
  ['fd00:ec2::', 32],
  ['fd20:ce::', 32],
  // what translates to IPv4's
  ['64:ff9b::a9fe:0', 112],
] as const)
  neverCalled.addSubnet(network, prefix, 'ipv6')

/** Not even where the operator has named the host. @param host a name or an address, without brackets */
export function isNeverCalled(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return /^(metadata|metadata\.google\.internal|instance-data)\.?$/i.test(host)
  return neverCalled.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

function isInternal(address: string): boolean {
  if (isIP(address) === 4) return special.check(address, 'ipv4')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped) return special.check(mapped, 'ipv4')
  return !publicV6.check(address, 'ipv6') || special.check(address, 'ipv6')
}

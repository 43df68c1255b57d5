import { expect, test } from 'vitest'
import { countedAs } from '#core/plugins/addresses.ts'

test('one host counts as one, whichever of its addresses it takes', () => {
  const host = '2001:db8:7:42::/64'
  for (const address of [
    '2001:db8:7:42::1',
    '2001:DB8:0007:42:ffff:ffff:ffff:ffff',
    '2001:db8:7:42::192.0.2.1',
    '2001:db8:7:42:1::%eth0',
  ])
    expect(countedAs(address)).toBe(host)
  for (const address of ['2001:db8:7:43::1', '2001:db8::7:42', '2001:db8:7::42'])
    expect(countedAs(address)).not.toBe(host)
  expect(countedAs('::1')).toBe('0:0:0:0::/64')
  expect(countedAs('2001:db8::1')).toBe('2001:db8:0:0::/64')
})

test('IPv4 counts as it is, also where the system writes it as IPv6', () => {
  expect(countedAs('203.0.113.1')).toBe('203.0.113.1')
  expect(countedAs('::ffff:203.0.113.1')).toBe('203.0.113.1')
  expect(countedAs('::FFFF:203.0.113.1')).toBe('203.0.113.1')
})

test('what is no address counts as it is', () => {
  for (const text of ['unknown', '', 'proxy-7', '2001:db8::1::2', 'x'.repeat(5_000)])
    expect(countedAs(text)).toBe(text)
})

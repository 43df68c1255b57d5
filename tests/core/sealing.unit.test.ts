import { createCipheriv, hkdfSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealing, UnsealError } from '#core/sealing.ts'

const sealing = new Sealing('k'.repeat(40))

test('a sealed secret opens with the same key in the same place, and nowhere else', () => {
  const sealed = sealing.seal('a secret, ü', 'push key')
  expect(sealed.toString('latin1')).not.toContain('secret')
  expect(sealing.open(sealed, 'push key')).toBe('a secret, ü')
  expect(sealing.seal('a secret, ü', 'push key')).not.toEqual(sealed)
  expect(() => sealing.open(sealed, 'another place')).toThrow(UnsealError)
  expect(() => new Sealing('j'.repeat(40)).open(sealed, 'push key')).toThrow(UnsealError)
  for (let place = 0; place < sealed.length; place++) {
    const changed = Buffer.from(sealed)
    changed[place] = (changed[place] ?? 0) ^ 1
    expect(() => sealing.open(changed, 'push key')).toThrow(UnsealError)
  }
  for (const length of [0, 1, 5, 12, 28])
    expect(() => sealing.open(sealed.subarray(0, length), 'push key')).toThrow(UnsealError)
})

test('with a new key, what the old one sealed opens as long as the old one is given', () => {
  const sealed = sealing.seal('a secret', 'push key')
  const rotated = new Sealing('n'.repeat(40), ['x'.repeat(40), 'k'.repeat(40)])
  expect(rotated.open(sealed, 'push key')).toBe('a secret')
  expect(rotated.isCurrent(sealed)).toBe(false)
  const again = rotated.seal('a secret', 'push key')
  expect(rotated.isCurrent(again)).toBe(true)
  expect(new Sealing('n'.repeat(40)).open(again, 'push key')).toBe('a secret')
  expect(() => sealing.open(again, 'push key')).toThrow(UnsealError)
})

test('what was sealed before keys were named still opens, and counts as old', () => {
  const key = Buffer.from(hkdfSync('sha256', 'k'.repeat(40), 'foyer', 'seal', 32))
  const nonce = Buffer.alloc(12, 7)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from('push key'))
  const body = Buffer.concat([cipher.update('of old'), cipher.final()])
  const sealed = Buffer.concat([Buffer.of(1), nonce, cipher.getAuthTag(), body])
  expect(sealing.open(sealed, 'push key')).toBe('of old')
  expect(new Sealing('n'.repeat(40), ['k'.repeat(40)]).open(sealed, 'push key')).toBe('of old')
  expect(sealing.isCurrent(sealed)).toBe(false)
  expect(() => sealing.open(sealed, 'another place')).toThrow(UnsealError)
})

test('a token belongs to one purpose and one thing', () => {
  const token = sealing.tokenFor('a', '1')
  expect(sealing.tokenFor('a', '1')).toBe(token)
  expect(Buffer.from(token, 'base64url')).toHaveLength(32)
  for (const other of [
    sealing.tokenFor('b', '1'),
    sealing.tokenFor('a', '2'),
    new Sealing('j'.repeat(40)).tokenFor('a', '1'),
  ])
    expect(other).not.toBe(token)
})

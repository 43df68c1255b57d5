import { expect, test } from 'vitest'
import { isOwnOrigin } from '#core/plugins/origins.ts'

const host = 'chat.example.com'
const open = { host, overTls: false }
const tls = { host, overTls: true }

test.each([
  // nobody said how Foyer is reached: the host that was called is its own
  ['http://chat.example.com', open, null, true],
  // a proxy may end TLS without saying so
  ['https://chat.example.com', open, null, true],
  ['http://chat.example.com:8080', open, null, false],
  ['http://evil.example', open, null, false],
  // reached over TLS, a page without it may have been written by anybody on the way
  ['http://chat.example.com', open, 'https://chat.example.com', false],
  ['https://chat.example.com', open, 'https://chat.example.com', true],
  ['http://chat.example.com', tls, null, false],
  ['https://chat.example.com', tls, null, true],
  // called by another of its names
  ['https://chat.example.com', { host: '127.0.0.1:3000', overTls: false }, 'https://chat.example.com', true],
  ['http://127.0.0.1:3000', { host: '127.0.0.1:3000', overTls: false }, 'https://chat.example.com', true],
  ['http://127.0.0.1:3000', open, 'https://chat.example.com', false],
  ['null', open, null, false],
  ['', open, null, false],
  ['https://chat.example.com.evil.example', open, 'https://chat.example.com', false],
] as const)('a page of %s, called %o, public at %s: %s', (origin, called, publicUrl, own) => {
  expect(isOwnOrigin(origin, called, publicUrl)).toBe(own)
})

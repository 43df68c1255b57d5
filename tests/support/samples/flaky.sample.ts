import { expect, test } from 'vitest'

let tries = 0
test('fails at first', { retry: 1 }, () => {
  tries++
  expect(tries).toBe(2)
})

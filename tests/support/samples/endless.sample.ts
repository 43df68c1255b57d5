import { test } from 'vitest'

test('is soon over', () => undefined)
test('never ends', { timeout: 60_000 }, () => new Promise(() => undefined))

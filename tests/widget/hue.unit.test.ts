import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { hueOf as hueInInbox } from '../../inbox-ui/parts/hue.ts'
import { hueOf } from '../../widget/app/parts/hue.ts'

test('a person has the same colour for agents and for visitors', () => {
  const ids = ['', 'Ō', '🦄', ...Array.from({ length: 200 }, () => randomUUID())]
  expect(ids.map(hueOf)).toEqual(ids.map(hueInInbox))
  expect(new Set(ids.map(hueOf)).size).toBe(8)
})

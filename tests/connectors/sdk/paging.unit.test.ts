import { expect, test } from 'vitest'
import { ProviderAnswerError } from '#connectors/sdk/errors.ts'
import { items, pages } from '#connectors/sdk/paging.ts'

const of = (next: Record<string, string | null>) => async (cursor: string | null) => ({
  items: [cursor ?? 'first'],
  cursor: next[cursor ?? 'first'] ?? null,
})

test('pages follow each other to the last, from any cursor', async () => {
  const read = of({ first: 'b', b: 'c' })
  expect(await Array.fromAsync(items(read))).toEqual(['first', 'b', 'c'])
  expect((await Array.fromAsync(pages(read, 'b'))).map((page) => page.items[0])).toEqual(['b', 'c'])
})

test('a provider that goes in circles is not followed for ever', async () => {
  for (const circle of [of({ first: 'b', b: 'b' }), of({ first: 'b', b: 'c', c: 'b' })])
    await expect(Array.fromAsync(items(circle))).rejects.toThrow(ProviderAnswerError)
})

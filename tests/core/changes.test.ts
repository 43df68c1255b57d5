import { expect } from 'vitest'
import { change } from '#core/services.ts'
import { test } from '#tests/support/foyer.ts'

test('when one cannot be told of a change, it is committed all the same and the others are told', async ({
  foyer,
}) => {
  const told: string[] = []
  const answer = await change(foyer.app.services, async ({ tx, after }) => {
    after(() => told.push('first'))
    after(() => {
      throw new Error('A line that breaks')
    })
    after(() => told.push('last'))
    return tx.selectNoFrom((on) => on.val('committed').as('answer')).executeTakeFirst()
  })
  expect(answer).toEqual({ answer: 'committed' })
  expect(told).toEqual(['first', 'last'])
})

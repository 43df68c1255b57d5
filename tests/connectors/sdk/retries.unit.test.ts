import { expect, test } from 'vitest'
import * as errors from '#connectors/sdk/errors.ts'
import { adviceOn, retries } from '#connectors/sdk/retries.ts'

const samples = [
  new errors.ReconnectNeededError('x'),
  new errors.ProviderForbiddenError('x'),
  new errors.RateLimitedError('x', 5_000, 'DAILY'),
  new errors.ProviderUnavailableError('x', 'unknown'),
  new errors.ProviderRejectedError('x'),
  new errors.DuplicateError('x'),
  new errors.RecordGoneError('x'),
  new errors.ProviderConflictError('x'),
  new errors.ProviderAnswerError('x'),
  new errors.CursorExpiredError('x'),
  new errors.OutboundRefusedError('x'),
]

test('every error has its row, and every row a reason', () => {
  expect(samples.map(({ code }) => code).sort()).toEqual(Object.keys(retries).sort())
  const classes = Object.values(errors).filter((one) => one !== errors.ConnectorError)
  expect(classes).toHaveLength(samples.length)
  for (const { reason } of Object.values(retries)) expect(reason).toMatch(/^[A-Z].{10,}\.$/)
})

test('a limit says when, a lock soon, and an unknown outcome that it may have happened', () => {
  expect(adviceOn(new errors.RateLimitedError('x', 5_000, 'DAILY'))).toMatchObject({
    again: 'when_told',
    afterMs: 5_000,
  })
  expect(adviceOn(new errors.ProviderConflictError('x'))).toMatchObject({ again: 'soon', afterMs: 2_000 })
  expect(adviceOn(new errors.ProviderUnavailableError('x', 'unknown'))).toMatchObject({
    again: 'back_off',
    mayHaveHappened: true,
  })
  expect(adviceOn(new errors.ProviderUnavailableError('x', 'nothing'))).toMatchObject({
    mayHaveHappened: false,
  })
  expect(adviceOn(new Error('a mistake of ours'))).toBeNull()
})

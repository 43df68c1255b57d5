import * as z from 'zod'
import {
  type ConnectorError,
  CursorExpiredError,
  DuplicateError,
  ProviderAnswerError,
  ProviderConflictError,
  ProviderForbiddenError,
  ProviderRejectedError,
  ProviderUnavailableError,
  RateLimitedError,
  RecordGoneError,
} from '../sdk/errors.ts'
import type { GuardedResponse } from '../sdk/http.ts'
import { retryAfterMs } from '../sdk/oauth.ts'

/** https://developers.google.com/workspace/calendar/api/guides/errors */
const Problem = z.object({
  error: z.object({ errors: z.array(z.object({ reason: z.string() })).min(1) }),
})

const limitReasons = new Set([
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'quotaExceeded',
  'dailyLimitExceeded',
])

/** What an answer that is no success means, in a sentence for the agent. */
export function errorOf(response: GuardedResponse, isWrite: boolean): ConnectorError {
  const { status } = response
  const reason = reasonOf(response)
  if (status === 429 || (status === 403 && reason !== null && limitReasons.has(reason)))
    return new RateLimitedError(
      'Google asked us to slow down.',
      // with jitter: all who were refused would come back at once
      retryAfterMs(response) ?? Math.round(5_000 + Math.random() * 10_000),
      reason ?? 'rateLimitExceeded',
    )
  switch (status) {
    case 403:
      return new ProviderForbiddenError(
        'Google does not let us do this in this calendar. Give your account the right to change its events, or choose another calendar.',
      )
    case 404:
      return new RecordGoneError('Google has no such calendar or event any more, or hides it from us.')
    case 409:
      return new DuplicateError('Google has an event under this id already.')
    case 410:
      return reason === 'deleted'
        ? new RecordGoneError('The event was deleted in Google Calendar.')
        : new CursorExpiredError('Google does not tell any more what was changed since we asked last.')
    case 412:
      return new ProviderConflictError('The event was changed in Google Calendar meanwhile.')
  }
  if (status >= 500)
    return new ProviderUnavailableError(
      `Google Calendar does not work at the moment (${status}).`,
      isWrite ? 'unknown' : 'nothing',
    )
  if (status === 400)
    return new ProviderRejectedError(`Google does not take what we sent${reason ? ` (${reason})` : ''}.`)
  return new ProviderAnswerError(`Google answered ${status}, which it does not document.`)
}

/** Nothing else of the answer is shown: it may repeat what we sent. */
export function reasonOf(response: GuardedResponse): string | null {
  try {
    const told = Problem.safeParse(response.json())
    const reason = told.success ? told.data.error.errors[0]?.reason : undefined
    return reason !== undefined && /^\w{1,60}$/.test(reason) ? reason : null
  } catch {
    // a page for people, or half an answer: the status says what there is to say
    return null
  }
}

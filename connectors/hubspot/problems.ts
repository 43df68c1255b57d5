import * as z from 'zod'
import type { Connection } from '../sdk/contract.ts'
import {
  type ConnectorError,
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

/** Every part of it may be missing. https://developers.hubspot.com/docs/api-reference/error-handling */
const Problem = z
  .object({
    message: z.string().catch(''),
    category: z.string().catch(''),
    policyName: z.string().optional().catch(undefined),
    correlationId: z.string().optional().catch(undefined),
    errors: z
      .array(
        z.object({
          message: z.string().catch(''),
          context: z.record(z.string(), z.array(z.string())).catch({}),
        }),
      )
      .catch([]),
    context: z.record(z.string(), z.array(z.string())).catch({}),
  })
  .catch({ message: '', category: '', errors: [], context: {} })
type Problem = z.infer<typeof Problem>

/** What an answer that is no success means, in a sentence for an admin. */
export function errorOf(
  response: GuardedResponse,
  isWrite: boolean,
  connection: Pick<Connection, 'now' | 'account'>,
): ConnectorError {
  const { status } = response
  const problem = problemOf(response)
  switch (status) {
    case 403:
      return forbidden(problem)
    case 404:
      return new RecordGoneError('HubSpot has no such record any more: it was deleted, or is hidden from us.')
    case 409:
      return duplicate(problem)
    case 423:
      return new ProviderConflictError('HubSpot holds this record locked for a moment.')
    case 429:
      return overLimit(response, problem, connection)
    case 477:
      return new RateLimitedError(
        'HubSpot is moving this account to another data centre and takes no requests meanwhile.',
        retryAfterOf(response) ?? 60_000,
        'MIGRATION',
      )
  }
  if (status >= 500)
    return new ProviderUnavailableError(
      `HubSpot does not work at the moment (${status}).`,
      isWrite ? 'unknown' : 'nothing',
    )
  if (status === 400 || status === 422) return rejected(problem)
  return new ProviderAnswerError(`HubSpot answered ${status}${said(problem)}, which it does not document.`)
}

function problemOf(response: GuardedResponse): Problem {
  try {
    return Problem.parse(response.json())
  } catch {
    // a page for people, or half an answer: the status says what there is to say
    return Problem.parse(null)
  }
}

function forbidden({ category, errors, context }: Problem): ConnectorError {
  const scopes = [context, ...errors.map((one) => one.context)].flatMap(
    (one) => one.requiredGranularScopes ?? one.requiredScopes ?? [],
  )
  if (scopes.length > 0 || category === 'MISSING_SCOPES') {
    const which = scopes.length > 1 ? 'the scopes' : scopes.length === 1 ? 'the scope' : 'a scope it needs'
    return new ProviderForbiddenError(
      `HubSpot refused the connection: its app lacks ${[which, scopes.join(', ')].filter(Boolean).join(' ')}. Add it, then reconnect.`,
    )
  }
  return new ProviderForbiddenError(
    'HubSpot refused: the user who connected may not do this, or the account’s edition does not contain it.',
  )
}

/** The id stands in the message only. */
export function duplicate({ message }: { message: string }): DuplicateError {
  const ids = [...message.matchAll(/Existing ID:\s*(\d+)/gi)].map(([, id = '']) => id)
  return new DuplicateError('HubSpot has a contact with this e-mail address already.', ids)
}

/** Of a message such as `Property values were not valid: [{…,"name":"jobtitle"}]`, and of the errors beside it. */
export function rejected({ message, errors }: Pick<Problem, 'message' | 'errors'>): ProviderRejectedError {
  const fields = new Set<string>()
  for (const [, name = ''] of message.matchAll(/"name":"([\w-]+)"/g)) fields.add(name)
  for (const { context } of errors) for (const name of context.propertyName ?? []) fields.add(name)
  const why = errors.map((one) => one.message).filter((one) => one !== '')
  const reason = why.length > 0 ? why.join('; ') : (message.split('[{')[0]?.trim() ?? '')
  return new ProviderRejectedError(
    fields.size > 0
      ? `HubSpot refused the value of ${[...fields].join(', ')}: ${shortened(reason)}`
      : `HubSpot refused what we sent: ${shortened(reason) || 'it does not say why'}`,
    [...fields],
  )
}

function overLimit(
  response: GuardedResponse,
  { policyName = 'UNKNOWN' }: Problem,
  { now, account }: Pick<Connection, 'now' | 'account'>,
): RateLimitedError {
  const told = retryAfterOf(response)
  if (policyName === 'DAILY')
    return new RateLimitedError(
      'HubSpot’s daily limit for this account is used up. It begins anew at midnight in the account’s time zone.',
      told ?? untilMidnight(now(), account?.details?.timeZone),
      policyName,
    )
  return new RateLimitedError(
    'HubSpot asked us to slow down.',
    told ?? (policyName === 'SECONDLY' ? 1_000 : 10_000),
    policyName,
  )
}

function untilMidnight(now: Date, timeZone = 'UTC'): number {
  const zoned = Temporal.Instant.fromEpochMilliseconds(now.getTime()).toZonedDateTimeISO(zoneOr(timeZone))
  return zoned.startOfDay().add({ days: 1 }).startOfDay().epochMilliseconds - now.getTime()
}

/** HubSpot names zones as it likes. */
function zoneOr(timeZone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
    return timeZone
  } catch {
    return 'UTC'
  }
}

function retryAfterOf({ headers }: GuardedResponse): number | null {
  const seconds = Number(headers['retry-after'])
  return headers['retry-after'] !== undefined && Number.isFinite(seconds) && seconds >= 0
    ? Math.min(seconds, 86_400) * 1_000
    : null
}

const said = ({ message }: Problem) => (message ? ` (${shortened(message)})` : '')
const shortened = (text: string) => (text.length > 300 ? `${text.slice(0, 300)}…` : text)

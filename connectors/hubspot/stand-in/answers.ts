import { randomUUID } from 'node:crypto'

/** What goes wrong, as HubSpot says it: thrown anywhere, answered in one place. */
export class Refusal extends Error {
  readonly status: number
  readonly body: object
  readonly headers: Record<string, string>
  constructor(status: number, body: object, headers: Record<string, string> = {}) {
    super(`${status} ${JSON.stringify(body)}`)
    this.status = status
    this.body = body
    this.headers = headers
  }
}

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(status === 204 ? null : JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json;charset=utf-8', ...headers },
  })

export const problem = (category: string, message: string, more: object = {}) => ({
  status: 'error',
  message,
  correlationId: randomUUID(),
  category,
  ...more,
})

export const invalid = (message: string, more: object = {}) =>
  new Refusal(400, problem('VALIDATION_ERROR', message, more))

/** HubSpot puts a list of its own as text into the message. */
export const invalidProperty = (name: string, error: string, message: string) =>
  invalid(`Property values were not valid: ${JSON.stringify([{ isValid: false, message, error, name }])}`, {
    errors: [{ message, code: error, context: { propertyName: [name] } }],
  })

export const notFound = (what = 'resource not found') => new Refusal(404, problem('OBJECT_NOT_FOUND', what))

export const missingScopes = (scopes: string[]) =>
  new Refusal(
    403,
    problem(
      'MISSING_SCOPES',
      "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
      {
        errors: [
          {
            message: 'One or more of the following scopes are required.',
            context: { requiredGranularScopes: scopes },
          },
        ],
        links: { scopes: 'https://developers.hubspot.com/scopes' },
      },
    ),
  )

const limitMessages = {
  TEN_SECONDLY_ROLLING: 'You have reached your ten_secondly_rolling limit.',
  SECONDLY: 'You have reached your secondly limit.',
  DAILY: 'You have reached your daily limit.',
}
export type LimitPolicy = keyof typeof limitMessages

export const overLimit = (policyName: LimitPolicy, headers: Record<string, string> = {}) =>
  new Refusal(
    429,
    {
      status: 'error',
      message: limitMessages[policyName],
      errorType: 'RATE_LIMIT',
      correlationId: randomUUID(),
      policyName,
      groupName: 'publicapi:oauth-app',
    },
    headers,
  )

/** Opaque to whoever gets it: a position, made unreadable so that nobody counts on it. */
export const cursorOf = (position: string | number): string =>
  Buffer.from(`p:${position}`).toString('base64url')

export function positionOf(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString()
  if (!text.startsWith('p:')) throw invalid(`The paging cursor "${cursor}" is not valid.`)
  return text.slice(2)
}

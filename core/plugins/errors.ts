import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { ConnectorError, RateLimitedError, ReconnectNeededError } from '#connectors/sdk/errors.ts'
import type { Problem } from '../contracts/common.ts'
import { isDatabaseAway } from '../db/away.ts'
import { FoyerError } from '../errors.ts'

/** Turns every failure into application/problem+json (RFC 9457): expected ones say what happened, unknown ones are
 *  logged whole and answered with one plain sentence. */
export const errors = plugin(
  async (app) => {
    app.setErrorHandler((error: FastifyError, request, reply) => {
      const problem = toProblem(error, request.method)
      if (problem.status >= 500 && !(error instanceof ConnectorError))
        request.log.error({ err: error }, 'A request failed')
      const retryAfterMs = (error as { details?: { retryAfterMs?: number } }).details?.retryAfterMs
      if (retryAfterMs) reply.header('retry-after', Math.ceil(retryAfterMs / 1_000))
      return send(reply, problem)
    })
    app.setNotFoundHandler((_request: FastifyRequest, reply) =>
      send(reply, {
        type: 'about:blank',
        title: 'Not Found',
        status: 404,
        code: 'not_found',
        detail: 'There is nothing at this address.',
      }),
    )
  },
  { name: 'errors' },
)

/** For requests that reach no route, such as one for /%zz; no plugin has seen them, so they get their headers here. */
export function refuseUnroutable(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const headers = { 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'" }
  const isTooLong = error.code === 'FST_ERR_MAX_PARAM_LENGTH'
  void send(
    reply.headers(headers),
    isTooLong
      ? problemOf(414, 'too_large', 'This address is too long.')
      : problemOf(400, 'bad_request', 'This address cannot be read.'),
  )
}

function send(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.status(problem.status).type('application/problem+json').send(JSON.stringify(problem))
}

function toProblem(error: FastifyError, method: string): Problem {
  if (error instanceof FoyerError) return problemOf(error.status, error.code, error.message, error.details)
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.slice(0, 20).map(({ instancePath, message }) => ({
      field: brief(instancePath.replace(/^\//, '').replaceAll('/', '.')),
      message: brief(message ?? 'Not valid.'),
    }))
    const first = errors[0]
    const detail = first
      ? `${first.field ? `${first.field}: ` : ''}${first.message}`
      : 'Something in it is not valid.'
    return problemOf(422, 'invalid_input', detail, { errors })
  }
  if (error instanceof ConnectorError) return providerProblem(error)
  const known = fastifyErrors[error.code]
  if (known) return problemOf(...known)
  if (error.statusCode === 429)
    return problemOf(429, 'rate_limited', 'That was too often. Wait a little, then try again.')
  if (error.statusCode && error.statusCode >= 400 && error.statusCode < 500)
    return problemOf(error.statusCode, 'bad_request', 'Foyer cannot read this request.')
  if (isDatabaseAway(error)) return problemOf(503, 'unavailable', isRead(method) ? readAgain : lookFirst)
  return problemOf(
    500,
    'internal',
    isRead(method) ? wrong : `${wrong} Look whether it was done before you repeat it.`,
  )
}

const isRead = (method: string) => method === 'GET' || method === 'HEAD'
const wrong = 'Something went wrong on our side.'
const readAgain = 'Foyer could not answer just now. Try again.'
/** A commit whose answer was lost may have happened. Who sends with an id of their own may send again all the same. */
const lookFirst = 'It is not known whether this was done; look before you repeat it.'

/** What a provider said while somebody waited for it. */
function providerProblem(error: ConnectorError): Problem {
  if (error instanceof ReconnectNeededError) return problemOf(409, error.code, error.message)
  if (error instanceof RateLimitedError)
    return problemOf(503, error.code, error.message, { retryAfterMs: error.retryAfterMs })
  return problemOf(502, error.code, error.message)
}

/** A validator's words may quote what was sent. */
const brief = (text: string) => text.slice(0, 300).toWellFormed()

const fastifyErrors: Record<string, [status: number, code: string, detail: string]> = {
  FST_ERR_CTP_INVALID_JSON_BODY: [400, 'invalid_json', 'The body is not valid JSON.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'invalid_json', 'The body is empty; JSON is expected.'],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'too_large', 'The body is too large.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'wrong_media_type', 'Send JSON, with content-type application/json.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'bad_request', 'The content-length does not match the body.'],
}

function problemOf(
  status: number,
  code: string,
  detail: string,
  more: Record<string, unknown> = {},
): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail, ...more }
}

import type { FastifyContextConfig, RouteOptions } from 'fastify'
import { z } from 'zod'
import { Problem } from '../contracts/common.ts'

/** What the description of a route says beyond its schemas: how it may fail, and what it takes and gives that is no JSON. */

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The media type of a body that is taken as it comes. */
    takes?: string
    /** The media type of an answer that is no JSON. */
    gives?: string
    /** Whether its calls are counted by something else than the route's own limit. */
    counted?: boolean
    /** Whether one that only reads may be impossible as things stand, as where a provider has to be asked. */
    conflicts?: boolean
  }
}

/** Where a route's facts travel in its description until that is whole. */
export const factsKey = 'x-foyer-route'

/** What can be known of a route before its description is made. */
export interface RouteFacts {
  access: FastifyContextConfig['access']
  takes?: string | undefined
  gives?: string | undefined
  isLimited: boolean
  conflicts: boolean
  isChecked: boolean
  redirects: boolean
}

export function factsOf({ config, schema }: RouteOptions, hasAnswer: boolean): RouteFacts {
  const { access, takes, gives, counted, conflicts, rateLimit } = config ?? {}
  return {
    access,
    takes,
    gives,
    isLimited: rateLimit !== undefined || counted === true || access === 'visitor',
    conflicts: conflicts === true,
    isChecked: ['params', 'querystring', 'body', 'headers'].some((part) => schema && part in schema),
    redirects: !hasAnswer && gives === undefined,
  }
}

const problem = (description: string, headers?: object) => ({
  description,
  ...(headers ? { headers } : {}),
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
})

const answers = {
  400: problem('It cannot be read: `bad_request`, `invalid_json`.'),
  401: problem('Whoever calls is not known: `not_signed_in`, `wrong_credentials`.'),
  403: problem('Not for this profile (`forbidden`), or from another site’s page (`foreign_origin`).'),
  404: problem('There is no such thing, or it may not be seen: `not_found`.'),
  409: problem('Understood, and not possible as things stand; `code` says why.'),
  413: problem('It is too large: `too_large`.'),
  415: problem('It is of another media type: `wrong_media_type`.'),
  422: problem('Something in it is not valid: `invalid_input`, with `errors` by field.'),
  429: problem('Too often: `rate_limited`.', {
    'retry-after': { description: 'After how many seconds to try again.', schema: { type: 'integer' } },
  }),
  503: problem(
    'Foyer’s database does not answer (`unavailable`: of a change nobody knows whether it was done), or a provider asks for a pause.',
  ),
  default: problem('Anything else that went wrong; `code` is stable, `detail` a sentence to show.'),
}
type Status = keyof typeof answers

/** How a call may fail, by the status of its answer. */
function failuresOf(method: string, path: string, facts: RouteFacts): Status[] {
  const isChange = !['get', 'head'].includes(method)
  const isKnown = facts.access !== undefined && facts.access !== 'public'
  const isObject = path.includes('{')
  return [
    400,
    ...(isKnown || path.endsWith('/sign-in') ? ([401] as const) : []),
    ...(isChange || (isKnown && !['agent', 'visitor'].includes(facts.access ?? '')) ? ([403] as const) : []),
    ...(isObject ? ([404] as const) : []),
    ...(facts.conflicts || (isChange && (isObject || isKnown)) ? ([409] as const) : []),
    ...(isChange ? ([413, 415] as const) : []),
    ...(facts.isChecked ? ([422] as const) : []),
    ...(facts.isLimited ? ([429] as const) : []),
    503,
    'default',
  ]
}

interface Operation {
  responses?: Record<string, unknown>
  requestBody?: unknown
  [factsKey]?: RouteFacts
}

const asItIs = (type: string) => ({
  content: {
    [type]: {
      schema: type.startsWith('text/')
        ? { type: 'string' }
        : { type: 'string', format: 'binary', contentMediaType: type },
    },
  },
})

/** Completes the description of all routes, in place. */
export function describeAnswers(api: {
  paths?: Record<string, Record<string, unknown> | undefined>
  components?: { schemas?: Record<string, unknown> }
}): void {
  api.components ??= {}
  const { $schema: _, ...shape } = z.toJSONSchema(Problem)
  api.components.schemas = {
    ...api.components.schemas,
    Problem: { ...shape, description: 'A problem document (RFC 9457).', additionalProperties: true },
  }
  for (const [path, methods] of Object.entries(api.paths ?? {}))
    for (const [method, described] of Object.entries(methods ?? {})) {
      const operation = described as Operation
      const facts = operation[factsKey]
      if (!facts) continue
      delete operation[factsKey]
      if (facts.takes) operation.requestBody = { required: true, ...asItIs(facts.takes) }
      const failures = failuresOf(method, path, facts)
      const done = facts.gives
        ? { 200: { description: 'The file itself.', ...asItIs(facts.gives) } }
        : facts.redirects
          ? { 302: { description: 'Leads back to the page it began on.' } }
          : operation.responses
      operation.responses = {
        ...done,
        ...Object.fromEntries(failures.map((status) => [status, answers[status]])),
      }
    }
}

import type { FastifyRequest } from 'fastify'
import type { Api } from '../app.ts'
import { RateLimitedError } from '../errors.ts'

/** For a route by which a chat begins, of one address: a whole office comes by one, and each page asks once. */
export const beginnings = { max: 1_200, timeWindow: 60_000 }

/** Of one key, in each stretch of `timeWindowMs` from its first call. */
export interface CallLimit {
  max: number
  timeWindowMs: number
  /** The sentence for whoever is refused. */
  message?: string
}

/**
 * Counts calls by what the route's own limit cannot know, such as an account or a conversation: over all processes where they share a
 * Redis, else in this one; so also while Redis is away.
 * @param name sets its keys apart from those of other limits
 * @returns takes one call of a key; its promise is refused with a {@link RateLimitedError}
 */
export function callLimit(
  app: Api,
  name: string,
  { max, timeWindowMs, message = 'That was too often. Wait a little, then try again.' }: CallLimit,
): (request: FastifyRequest, key: string) => Promise<void> {
  const keys = new WeakMap<FastifyRequest, string>()
  const keyGenerator = (request: FastifyRequest) => `${name}:${keys.get(request)}`
  const take = app.createRateLimit({ max, timeWindow: timeWindowMs, keyGenerator })
  return async (request, key) => {
    keys.set(request, key)
    const taken = await take(request)
    if (!taken.isAllowed && taken.isExceeded) throw new RateLimitedError(message, taken.ttl)
  }
}

/** For a route by which agents write: it counts like what they send over the socket.
 *  @returns a handler that refuses with a {@link RateLimitedError} */
export const countAsSend = (app: Api) => async (request: FastifyRequest) => {
  const waitMs = app.agentSends.take(request.agent.id)
  if (waitMs > 0) throw new RateLimitedError('You are writing very fast. Try again in a moment.', waitMs)
}

import type { FastifyRateLimitOptions, FastifyRateLimitStore } from '@fastify/rate-limit'
import type { Redis } from 'ioredis'

/** Adds one call to a key, whose count begins anew `timeWindow` after its first. */
const countCall = `
  local count = redis.call('incr', KEYS[1])
  if count == 1 then redis.call('pexpire', KEYS[1], ARGV[1]) end
  return {count, redis.call('pttl', KEYS[1])}`

const mostKeysHere = 50_000

interface Count {
  current: number
  ttl: number
}

/**
 * Where @fastify/rate-limit counts calls: in Redis, for all processes together. While Redis is away each process counts
 * for itself, from nothing: a limit is then as many times as high as there are processes, but never none.
 */
export function sharedCounters(
  redis: Redis,
): new (
  options: FastifyRateLimitOptions,
) => FastifyRateLimitStore {
  const here = new LocalCounts()
  class Counters implements FastifyRateLimitStore {
    readonly #prefix: string

    constructor(_options: unknown, prefix = 'foyer:calls:') {
      this.#prefix = prefix
    }

    incr(key: string, done: (error: Error | null, count?: Count) => void, timeWindow: number): void {
      const name = this.#prefix + key
      redis.eval(countCall, 1, name, timeWindow).then(
        (counted) => {
          const [current = 1, ttl = timeWindow] = counted as number[]
          done(null, { current, ttl })
        },
        () => done(null, here.add(name, timeWindow)),
      )
    }

    child(options: object): Counters {
      // the plugin's types leave out where it says which route that is; of createRateLimit it is none
      const { routeInfo } = options as { routeInfo?: { method?: unknown; url?: string } }
      return new Counters(null, `${this.#prefix}${routeInfo?.method ?? ''} ${routeInfo?.url ?? ''} `)
    }
  }
  return Counters
}

/** Counts that end by themselves. Of too many the oldest are forgotten. */
class LocalCounts {
  readonly #counts = new Map<string, { current: number; endsAt: number }>()

  add(name: string, timeWindow: number): Count {
    const now = performance.now()
    let count = this.#counts.get(name)
    if (!count || count.endsAt <= now) {
      this.#counts.delete(name)
      count = { current: 0, endsAt: now + timeWindow }
      this.#counts.set(name, count)
      if (this.#counts.size > mostKeysHere) this.#forgetOldest()
    }
    count.current++
    return { current: count.current, ttl: count.endsAt - now }
  }

  #forgetOldest(): void {
    for (const name of this.#counts.keys()) {
      this.#counts.delete(name)
      return
    }
  }
}

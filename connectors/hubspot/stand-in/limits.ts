import { overLimit } from './answers.ts'

export interface LimitOptions {
  perTenSeconds: number
  searchesPerSecond: number
  /** Null: none, as for OAuth apps. */
  perDay: number | null
}

/** https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines */
export function createLimits(options: LimitOptions, now: () => number) {
  let recent: number[] = []
  let searches: number[] = []
  let day = ''
  let usedToday = 0
  let refused = 0

  function refuse(...args: Parameters<typeof overLimit>) {
    refused += 1
    return overLimit(...args)
  }

  return {
    /** Counts a request, and gives the headers of its answer. @throws {Refusal} */
    count(isSearch: boolean): Record<string, string> {
      const at = now()
      // the search has a budget of its own and says nothing of it
      if (isSearch) {
        searches = searches.filter((one) => at - one < 1_000)
        if (searches.length >= options.searchesPerSecond) throw refuse('SECONDLY')
        searches.push(at)
        return {}
      }
      const today = new Date(at).toISOString().slice(0, 10)
      if (today !== day) [day, usedToday] = [today, 0]
      recent = recent.filter((one) => at - one < 10_000)
      const headers = () => ({
        'x-hubspot-ratelimit-max': String(options.perTenSeconds),
        'x-hubspot-ratelimit-remaining': String(options.perTenSeconds - recent.length),
        'x-hubspot-ratelimit-interval-milliseconds': '10000',
        ...(options.perDay === null
          ? {}
          : {
              'x-hubspot-ratelimit-daily': String(options.perDay),
              'x-hubspot-ratelimit-daily-remaining': String(options.perDay - usedToday),
            }),
      })
      if (options.perDay !== null && usedToday >= options.perDay) throw refuse('DAILY', headers())
      if (recent.length >= options.perTenSeconds) throw refuse('TEN_SECONDLY_ROLLING', headers())
      recent.push(at)
      usedToday += 1
      return headers()
    },
    /** How many requests were refused so far. */
    refused: () => refused,
  }
}

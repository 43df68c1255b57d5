import { setTimeout } from 'node:timers/promises'
import { json, Refusal } from './answers.ts'

/**
 * `lost_answer` it happens, the line breaks before the answer · `no_answer` the line breaks, nothing happens · `truncated` it happens, half of the
 * answer arrives · `garbage` a page for people · `down` 503 · `limited` 403 for too many calls · `hang` no answer for a minute
 * · `answersAfter` it happens, and the answer, as it was then, comes after this
 */
export type StandInFault =
  | 'lost_answer'
  | 'no_answer'
  | 'truncated'
  | 'garbage'
  | 'down'
  | 'limited'
  | 'hang'
  | { redirectTo: string }
  | { answersAfter: () => Promise<void> }

/** Each happens to the next call that matches, in the order of planning. */
export function createFaults() {
  const planned: { matches: (method: string, path: string) => boolean; fault: StandInFault }[] = []
  return {
    plan(matches: (method: string, path: string) => boolean, fault: StandInFault, times = 1) {
      for (let left = times; left > 0; left--) planned.push({ matches, fault })
    },
    clear: () => void planned.splice(0),
    around(method: string, path: string, answer: () => Promise<Response>): Promise<Response> {
      const at = planned.findIndex(({ matches }) => matches(method, path))
      const [next] = at < 0 ? [] : planned.splice(at, 1)
      return next ? happen(next.fault, answer) : answer()
    },
  }
}

async function happen(fault: StandInFault, answer: () => Promise<Response>): Promise<Response> {
  if (typeof fault === 'object' && 'answersAfter' in fault) {
    const response = await answer()
    await fault.answersAfter()
    return response
  }
  if (typeof fault === 'object')
    return new Response(null, { status: 302, headers: { location: fault.redirectTo } })
  switch (fault) {
    case 'lost_answer':
      await answer()
      return Response.error()
    case 'no_answer':
      return Response.error()
    case 'truncated': {
      const whole = await answer()
      const text = await whole.text()
      return new Response(text.slice(0, Math.floor(text.length / 2)), {
        headers: { 'content-type': 'application/json' },
      })
    }
    case 'garbage':
      return new Response('<!doctype html><p>Sorry', { headers: { 'content-type': 'text/html' } })
    case 'down':
      return json(503, new Refusal(503, 'backendError', 'Backend Error').body)
    case 'limited':
      return json(403, new Refusal(403, 'userRateLimitExceeded', 'User Rate Limit Exceeded').body)
    case 'hang':
      await setTimeout(60_000, undefined, { ref: false })
      return Response.error()
    default:
      return fault satisfies never
  }
}

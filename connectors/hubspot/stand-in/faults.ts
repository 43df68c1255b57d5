import { setTimeout } from 'node:timers/promises'
import { json, type LimitPolicy, overLimit, problem, type Refusal } from './answers.ts'

export type Fault =
  /** The work is done, the answer gets lost. */
  | { kind: 'lostAnswer' }
  /** The line breaks before anything is done. */
  | { kind: 'noAnswer' }
  | { kind: 'status'; status: number; body?: object; headers?: Record<string, string> }
  | { kind: 'overLimit'; policy: LimitPolicy; headers?: Record<string, string> }
  /** 423: wait two seconds. */
  | { kind: 'locked' }
  /** 477: the account moves to another data centre. */
  | { kind: 'migrating'; retryAfterSeconds: number }
  | { kind: 'slow'; ms: number }
  /** The answer ends in the middle of its JSON. */
  | { kind: 'truncated' }
  | { kind: 'page'; html: string; status?: number }
  /** No answer, ever. */
  | { kind: 'hang' }

type Matches = (request: { method: string; path: string }) => boolean

interface Planned {
  matches: Matches
  fault: Fault
  left: number
}

/** Scripted: each happens to the next requests that match, as often as told, in the order of planning. */
export function createFaults() {
  const planned: Planned[] = []
  return {
    /** @param where such as `POST /crm/v3/objects/notes`; the path's beginning is enough. */
    plan(where: string | Matches, fault: Fault, times = 1) {
      planned.push({ matches: typeof where === 'string' ? beginning(where) : where, fault, left: times })
    },
    clear() {
      planned.length = 0
    },
    async around(
      request: { method: string; path: string },
      answer: () => Promise<Response>,
    ): Promise<Response> {
      const next = planned.find(({ matches, left }) => left > 0 && matches(request))
      if (!next) return answer()
      next.left -= 1
      return happen(next.fault, answer)
    },
  }
}

function beginning(where: string): Matches {
  const [method, path = ''] = where.split(' ')
  return (request) => request.method === method && request.path.startsWith(path)
}

async function happen(fault: Fault, answer: () => Promise<Response>): Promise<Response> {
  switch (fault.kind) {
    case 'lostAnswer':
      await answer()
      return Response.error()
    case 'noAnswer':
      return Response.error()
    case 'status':
      return json(fault.status, fault.body ?? problem('INTERNAL_ERROR', 'internal error'), fault.headers)
    case 'overLimit':
      return refusalAnswer(overLimit(fault.policy, fault.headers))
    case 'locked':
      return json(423, problem('LOCKED', 'The resource is locked. Wait at least 2 seconds.'))
    case 'migrating':
      return json(477, problem('MIGRATION_IN_PROGRESS', 'This account is being moved.'), {
        'retry-after': String(fault.retryAfterSeconds),
      })
    case 'slow':
      await setTimeout(fault.ms)
      return answer()
    case 'truncated': {
      const whole = await answer()
      const text = await whole.text()
      return new Response(text.slice(0, Math.floor(text.length / 2)), {
        status: whole.status,
        headers: { 'content-type': 'application/json' },
      })
    }
    case 'page':
      return new Response(fault.html, {
        status: fault.status ?? 502,
        headers: { 'content-type': 'text/html' },
      })
    case 'hang':
      return new Promise(() => {})
    default: {
      const unknown: never = fault
      throw new Error(`There is no fault ${JSON.stringify(unknown)}`)
    }
  }
}

export const refusalAnswer = ({ status, body, headers }: Refusal) => json(status, body, headers)

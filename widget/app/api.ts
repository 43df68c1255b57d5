import type { z } from 'zod'
import type { Problem } from '#core/contracts/common.ts'
import type {
  LeaveMessage,
  OpenSession,
  StartConversation,
  WidgetConversation,
  WidgetConversationList,
  WidgetEntries,
  WidgetSession,
} from '#core/contracts/widget.ts'

export type Entries = z.infer<typeof WidgetEntries>

/** Foyer understood and said no; a repetition would be refused too, unless it says when to try again. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly problem: Problem & { retryAfterMs?: number }
  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** No answer, or none that tells whether it was done: safe to ask again, since everything carries a client id. */
export class NoAnswer extends Error {
  override name = 'NoAnswer'
}

const patienceMs = 15_000

/** Foyer's HTTP below /api/v1. Throws `Refusal` or `NoAnswer`. */
export const ask = async <T>(
  method: string,
  path: string,
  token: string | null,
  body?: unknown,
): Promise<T> => {
  let answer: Response
  try {
    answer = await fetch(`/api/v1/${path}`, {
      method,
      credentials: 'omit',
      signal: AbortSignal.timeout(patienceMs),
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
    if (answer.ok) return (await answer.json()) as T
  } catch (cause) {
    throw new NoAnswer('Foyer does not answer', { cause })
  }
  const problem = await answer.json().catch(() => null)
  if (answer.status >= 500 || !problem?.code) throw new NoAnswer(`Foyer answered ${answer.status}`)
  throw new Refusal(problem)
}

const call = <T>(method: string, path: string, token: string | null, body?: unknown) =>
  ask<T>(method, `widget/${path}`, token, body)

const openSession = (body: z.input<typeof OpenSession>) => call<WidgetSession>('POST', 'sessions', null, body)
const start = (token: string, body: StartConversation) =>
  call<WidgetConversation>('POST', 'conversations', token, body)
const list = (token: string) => call<z.infer<typeof WidgetConversationList>>('GET', 'conversations', token)
const entries = (token: string, id: string, query: string) =>
  call<Entries>('GET', `conversations/${id}/messages?${query}`, token)
const end = (token: string, id: string) =>
  call<WidgetConversation>('POST', `conversations/${id}/end`, token, {})
const leave = (token: string, body: LeaveMessage) => call<WidgetConversation>('POST', 'messages', token, body)

/** Gives the token back. Reaches Foyer even if the page goes at once; a token that does not get there ends by itself. */
export const giveBack = (token: string) =>
  void fetch('/api/v1/widget/sessions/end', {
    method: 'POST',
    credentials: 'omit',
    keepalive: true,
    headers: { authorization: `Bearer ${token}` },
  }).catch(() => {})

/** Foyer's HTTP as the visitor uses it. Throws `Refusal` or `NoAnswer`. */
export const api = { openSession, start, list, entries, end, leave }
export type Api = typeof api

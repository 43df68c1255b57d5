import { NoAnswer, Refusal } from '../api.ts'

/** What is wrong with a form, by field; '' is about the whole of it. */
export type FormErrors = Record<string, string>

/** The token means nobody any more: a new session is needed. */
export const isRejected = (problem: unknown) => problem instanceof Refusal && problem.problem.status === 401

/** Nobody answered, or asked to wait: trying again later may go through. Anything but a refusal or silence is a bug. */
export const mayPass = (problem: unknown): boolean => {
  if (problem instanceof Refusal) return problem.problem.status === 429
  if (problem instanceof NoAnswer) return true
  throw problem
}

/** As Foyer would store it: PostgreSQL keeps no NUL, and half a surrogate pair is no text. */
export const clean = (text: string) => text.replaceAll('\0', '').toWellFormed()

/** A refusal as a form shows it, by the names of its fields. */
export const formErrors = ({ problem, message }: Refusal): FormErrors => {
  const errors = problem.errors ?? []
  if (errors.length === 0) return { '': message }
  return Object.fromEntries(
    errors.map(({ field, message }) => [field.replace(/^(body\.)?(fields\.)?/, ''), message]),
  )
}

const firstPauseMs = 1_000
const longestPauseMs = 15_000

/** How long to wait before asking again: as long as Foyer says, else longer each time, and never all at once. */
export class Pauses {
  #nextMs = firstPauseMs

  after(problem: unknown): number {
    const asked = problem instanceof Refusal ? problem.problem.retryAfterMs : undefined
    if (asked) return asked
    const pause = this.#nextMs * (0.75 + Math.random() / 2)
    this.#nextMs = Math.min(longestPauseMs, this.#nextMs * 2)
    return pause
  }

  reset() {
    this.#nextMs = firstPauseMs
  }
}

import { ApiError } from '../app/api.ts'

/** What stands there now instead of what somebody began from, and who did it in words. */
export interface Overtaken<T> {
  sentence: string
  current: T
}

/** @returns null for any other failure */
export const overtakenBy = <T>(error: unknown): Overtaken<T> | null =>
  error instanceof ApiError && error.code === 'changed_meanwhile'
    ? { sentence: error.message, current: error.current as T }
    : null

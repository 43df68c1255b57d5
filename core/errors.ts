/** Every failure Foyer expects has a class here, with a stable `code` and the HTTP status it becomes.
 *  `message` is a sentence a person can act on: it is shown as it is. */
export class FoyerError extends Error {
  readonly status: number
  readonly code: string
  /** Further members of the problem document, such as `offerState` or `errors`. */
  readonly details: Record<string, unknown>

  constructor(status: number, code: string, message: string, details: Record<string, unknown> = {}) {
    super(message)
    this.name = new.target.name
    this.status = status
    this.code = code
    this.details = details
  }
}

/** What one may not see does not exist: the same answer for a foreign id and for one nobody ever had. */
export class NotFoundError extends FoyerError {
  constructor(what: string) {
    super(404, 'not_found', `There is no such ${what}, or you may not see it.`)
  }
}

export class NotSignedInError extends FoyerError {
  constructor(message = 'Sign in first.') {
    super(401, 'not_signed_in', message)
  }
}

export class ForbiddenError extends FoyerError {
  constructor(permission: string) {
    super(403, 'forbidden', `Your profile does not include "${permission}". An admin can add it.`, {
      permission,
    })
  }
}

export class InvalidInputError extends FoyerError {
  constructor(message: string, errors: { field: string; message: string }[] = []) {
    super(422, 'invalid_input', message, { errors })
  }
}

/** The request was understood but the state has moved on: `code` names which way. */
export class ConflictError extends FoyerError {
  constructor(code: string, message: string, details?: Record<string, unknown>) {
    super(409, code, message, details)
  }
}

export class ConversationEndedError extends ConflictError {
  constructor() {
    super('conversation_ended', 'This chat has ended. Start a new one to go on.')
  }
}

export class RateLimitedError extends FoyerError {
  constructor(message: string, retryAfterMs: number) {
    super(429, 'rate_limited', message, { retryAfterMs })
  }
}

/** The place a problem has in start-up: shown as one plain sentence, without a stack, and exit code 1. */
export class StartError extends Error {
  override name = 'StartError'
}

/** What cannot be had stops the start: its sentence is for the operator. @throws {StartError} */
export const orStop = <T>(work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    throw new StartError((error as Error).message, { cause: error })
  })

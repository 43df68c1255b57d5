/** Every failure that a connector expects. The message is a sentence for an admin: what happened and what to do. */
export abstract class ConnectorError extends Error {
  abstract readonly code: string
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** The grant is revoked, expired or lacks a scope: nothing works until an admin connects again. */
export class ReconnectNeededError extends ConnectorError {
  readonly code = 'connector_reconnect_needed'
}

/** The vendor refuses what we may not do: a permission or scope is missing, a feature is not part of the edition. */
export class ProviderForbiddenError extends ConnectorError {
  readonly code = 'connector_forbidden'
}

/** The vendor asked us to slow down, or we did ourselves. */
export class RateLimitedError extends ConnectorError {
  readonly code = 'connector_rate_limited'
  /** Nothing of this connection is sent before. */
  readonly retryAfterMs: number
  /** The limit's own name: `DAILY`, `REQUEST_LIMIT_EXCEEDED`. */
  readonly policy: string
  constructor(message: string, retryAfterMs: number, policy: string, options?: ErrorOptions) {
    super(message, options)
    this.retryAfterMs = retryAfterMs
    this.policy = policy
  }
}

/** No answer, a broken line, or 5xx. */
export class ProviderUnavailableError extends ConnectorError {
  readonly code = 'connector_unavailable'
  /** `unknown`: the request may have had its effect; whoever repeats it looks first. */
  readonly outcome: 'nothing' | 'unknown'
  constructor(message: string, outcome: 'nothing' | 'unknown', options?: ErrorOptions) {
    super(message, options)
    this.outcome = outcome
  }
}

/** The vendor says that what we sent is wrong: a value too long, a required field empty, a validation rule. */
export class ProviderRejectedError extends ConnectorError {
  readonly code = 'connector_rejected'
  /** The vendor's fields concerned. */
  readonly fields: string[]
  constructor(message: string, fields: string[] = [], options?: ErrorOptions) {
    super(message, options)
    this.fields = fields
  }
}

/** There is one already. */
export class DuplicateError extends ConnectorError {
  readonly code = 'connector_duplicate'
  /** The vendor's ids of what is there, if it says so. */
  readonly existingIds: string[]
  constructor(message: string, existingIds: string[] = [], options?: ErrorOptions) {
    super(message, options)
    this.existingIds = existingIds
  }
}

/** The record is not there any more (deleted, merged away, hidden from us). */
export class RecordGoneError extends ConnectorError {
  readonly code = 'connector_record_gone'
}

/** Somebody else holds it for a moment: locked, migrating, changed meanwhile. */
export class ProviderConflictError extends ConnectorError {
  readonly code = 'connector_conflict'
}

/** An answer that is not what the vendor documents. */
export class ProviderAnswerError extends ConnectorError {
  readonly code = 'connector_answer'
}

/** Where a feed's cursor is too old or was dropped: read everything anew. */
export class CursorExpiredError extends ConnectorError {
  readonly code = 'connector_cursor_expired'
}

/** The address is none of the connection's own, or leads into our own network. */
export class OutboundRefusedError extends ConnectorError {
  readonly code = 'connector_outbound_refused'
}

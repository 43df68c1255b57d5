import { ConnectorError, ProviderUnavailableError, RateLimitedError } from './errors.ts'

/** What a job does after a failure, and why. */
export interface Retry {
  /**
   * `back_off`   again, each time later
   * `when_told`  again after the time that the error names; not counted as an attempt
   * `soon`       again in a moment
   * `on_repair`  again when an admin has repaired the connection; not counted as an attempt
   * `never`      the same would happen again
   */
  again: 'back_off' | 'when_told' | 'soon' | 'on_repair' | 'never'
  reason: string
}

/** By the error's code. */
export const retries = {
  connector_reconnect_needed: {
    again: 'on_repair',
    reason: 'Nothing works until an admin connects again, and then everything may.',
  },
  connector_forbidden: {
    again: 'never',
    reason: 'A permission that is missing does not come by waiting; an admin grants it and retries.',
  },
  connector_rate_limited: {
    again: 'when_told',
    reason: 'Sooner would be refused too, and refusals count against us.',
  },
  connector_unavailable: {
    again: 'back_off',
    reason: 'It passes. Where the outcome is unknown, whoever writes looks first.',
  },
  connector_rejected: { again: 'never', reason: 'The same values would be refused again.' },
  connector_duplicate: { again: 'never', reason: 'There is one already: use that.' },
  connector_record_gone: { again: 'never', reason: 'It does not come back: find the person anew.' },
  connector_conflict: { again: 'soon', reason: 'Somebody else holds it for a moment.' },
  connector_answer: {
    again: 'back_off',
    reason: 'Often a proxy’s page in an outage; if it stays so, the dead job tells of it.',
  },
  connector_cursor_expired: { again: 'never', reason: 'Only reading everything anew helps.' },
  connector_outbound_refused: {
    again: 'never',
    reason: 'The address leads where nothing of ours may go, today and tomorrow.',
  },
} as const satisfies Record<string, Retry>

export interface Advice extends Retry {
  /** Milliseconds to wait at least; null where the caller's own back-off decides. */
  afterMs: number | null
  /** The effect may be there already: look before writing again. */
  mayHaveHappened: boolean
}

/** HubSpot asks for two seconds where a record is locked; whoever repeats a job waits as long at least. */
export const soonMs = 2_000

/** @returns null for what no connector expects: a mistake of ours, for the caller's own back-off. */
export function adviceOn(error: unknown): Advice | null {
  if (!(error instanceof ConnectorError)) return null
  const row: Retry | undefined = (retries as Record<string, Retry>)[error.code]
  if (!row) return null
  return {
    ...row,
    afterMs: error instanceof RateLimitedError ? error.retryAfterMs : row.again === 'soon' ? soonMs : null,
    mayHaveHappened: error instanceof ProviderUnavailableError && error.outcome === 'unknown',
  }
}

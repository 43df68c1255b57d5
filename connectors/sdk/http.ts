/** A limit as the vendor states it. */
export interface RateLimit {
  /** At most so many requests … */
  requests: number
  /** … in any stretch of so many milliseconds. */
  perMs: number
  /** Part of it (0 to 1) that background work leaves alone, for live chats. */
  reserve: number
  /**
   * At most so many of them under way at once. The vendor counts a request when it arrives, we when it is sent: as long as
   * no more are under way than the reserve holds, no stretch of the vendor's ever has more than it allows, however
   * unevenly the network carries them.
   */
  concurrent?: number
}

/** How much of a limit the vendor says is used up. */
export interface LimitUsage {
  /** A name in the declaration's `limits`. */
  limit: string
  used: number
  /** What the vendor allows this account in the limit's stretch of time, in place of the declared `requests`. */
  allowed: number
}

export interface GuardedRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'PROPFIND' | 'REPORT'
  headers?: Record<string, string>
  body?: string | Uint8Array
  /** The limits this request counts against, by name. */
  limits: string[]
  /** For the whole answer. 10 s unless told. */
  timeoutMs?: number
  /** Longest answer taken, in bytes. 8 MB unless told. */
  maxBytes?: number
}

export interface GuardedResponse {
  status: number
  /** Names in lower case. */
  headers: Record<string, string>
  text: string
  /** @throws {ProviderAnswerError} when it is no JSON. */
  json(): unknown
}

/**
 * Sends one request to one of the connection's own origins: waits its turn under the named limits, looks at each address that is connected to and
 * at each redirect (only to an allowed origin, never with credentials to another one), bounds time and size, and counts into the connection's
 * health. Does not look at the status: an answer is an answer. Does not repeat anything.
 * @throws {OutboundRefusedError} the address may not be called
 * @throws {ProviderUnavailableError} no answer in time, or the line broke; `outcome` says whether the request may have had its effect
 * @throws {RateLimitedError} its turn would come too late
 */
export type GuardedFetch = (url: string, request: GuardedRequest) => Promise<GuardedResponse>

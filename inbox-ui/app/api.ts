import type { Problem } from '../../core/contracts/common.ts'

/** Foyer answered, and the answer was no. `message` is a sentence for people. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly status: number
  readonly code: string
  readonly errors: { field: string; message: string }[]
  /** With `changed_meanwhile`: what stands there now. */
  readonly current: unknown

  constructor(problem: Pick<Problem, 'status' | 'code' | 'detail' | 'errors' | 'current'>) {
    super(problem.detail)
    this.status = problem.status
    this.code = problem.code
    this.errors = problem.errors ?? []
    this.current = problem.current
  }
}

/** Foyer did not answer: nobody knows whether the request arrived. */
export class ConnectionError extends Error {
  override name = 'ConnectionError'
}

export type Query = Record<string, string | number | null | undefined>

export interface ApiOptions {
  fetch?: typeof fetch
  /** In the reader's language. */
  words: { noConnection: string; notUnderstood: string }
  /** Called when the session turns out to be over. */
  onSignedOut?: () => void
}

const patienceMs = 20_000

/** Foyer's HTTP interface. Paths are below /api/v1. */
export class Api {
  readonly #fetch: typeof fetch
  readonly #words: ApiOptions['words']
  onSignedOut: () => void

  constructor({ fetch: fetcher, words, onSignedOut }: ApiOptions) {
    this.#fetch = fetcher ?? ((...args) => fetch(...args))
    this.#words = words
    this.onSignedOut = onSignedOut ?? (() => {})
  }

  get<T>(path: string, query: Query = {}): Promise<T> {
    return this.#ask('GET', address(path, query))
  }

  /** @param replaces the version it was made from: refused with `changed_meanwhile` when another one stands there now */
  send<T>(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    replaces?: string,
  ): Promise<T> {
    return this.#ask(method, address(path), body, replaces)
  }

  /** Something that carries its version in a header. */
  getVersioned<T>(path: string): Promise<T & { version: string }> {
    return this.#askVersioned('GET', path)
  }

  /** Replaces something that carries its version in a header. @returns it as it stands now */
  replace<T>(path: string, body: unknown, replaces: string): Promise<T & { version: string }> {
    return this.#askVersioned('PUT', path, body, replaces)
  }

  async #askVersioned<T>(
    method: string,
    path: string,
    body?: unknown,
    replaces?: string,
  ): Promise<T & { version: string }> {
    let version = ''
    const answer = await this.#ask<T>(method, address(path), body, replaces, ({ headers }) => {
      version = headers.get('etag')?.replaceAll('"', '') ?? ''
    })
    return { ...answer, version }
  }

  /** Sends a file and reports how much of it has left, from 0 to 1. */
  upload<T>(
    path: string,
    file: Blob,
    type: string,
    onprogress: (part: number) => void,
    { headers = {}, signal }: { headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      // fetch cannot tell how far an upload is
      const request = new XMLHttpRequest()
      request.open('POST', address(path))
      request.setRequestHeader('content-type', type)
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
      signal?.addEventListener('abort', () => request.abort())
      request.onabort = () => reject(new ConnectionError(this.#words.noConnection))
      request.upload.onprogress = (event) => event.lengthComputable && onprogress(event.loaded / event.total)
      request.upload.onload = () => onprogress(1)
      request.onerror = () => reject(new ConnectionError(this.#words.noConnection))
      request.onload = () => {
        try {
          resolve(this.#read<T>(request.status, request.responseText))
        } catch (error) {
          reject(error)
        }
      }
      request.send(file)
    })
  }

  async #ask<T>(
    method: string,
    url: string,
    body?: unknown,
    replaces?: string,
    answered?: (response: Response) => void,
  ): Promise<T> {
    let status: number
    let text: string
    try {
      const response = await this.#fetch(url, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(replaces === undefined ? {} : { 'if-match': `"${replaces}"` }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(patienceMs),
      })
      answered?.(response)
      status = response.status
      text = await response.text()
    } catch {
      throw new ConnectionError(this.#words.noConnection)
    }
    return this.#read<T>(status, text)
  }

  #read<T>(status: number, text: string): T {
    let body: unknown
    try {
      body = text === '' ? undefined : JSON.parse(text)
    } catch {
      // a proxy's own error page, mostly
      throw status >= 500
        ? new ConnectionError(this.#words.noConnection)
        : new Error(this.#words.notUnderstood)
    }
    if (status < 400) return body as T
    const problem = body as Partial<Problem> | undefined
    if (typeof problem?.code !== 'string' || typeof problem.detail !== 'string')
      throw status >= 500
        ? new ConnectionError(this.#words.noConnection)
        : new Error(this.#words.notUnderstood)
    if (status === 401 && problem.code === 'not_signed_in') this.onSignedOut()
    throw new ApiError(problem as Problem)
  }
}

function address(path: string, query: Query = {}): string {
  const wanted = Object.entries(query).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  )
  const search = new URLSearchParams(wanted.map(([key, value]) => [key, String(value)]))
  return `/api/v1${path}${search.size > 0 ? `?${search}` : ''}`
}

/** What to tell a person about a failure. */
export const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** As {@link sentence}; where single fields were refused, what is said of the first. */
export const firstReason = (error: unknown): string =>
  (error instanceof ApiError && error.errors[0]?.message) || sentence(error)

/** Foyer could not answer, or failed at it: nobody knows whether it was done, and its sentence says so. */
const isInDoubt = (error: unknown): boolean =>
  error instanceof ApiError && (error.code === 'unavailable' || error.code === 'internal')

/** A failure in the words of its place ("Not saved. …"), with the reason. Where it is not known whether it has failed, the reason alone.
 *  @param reason {@link sentence} or {@link firstReason} */
export const withReason = (
  say: (why: string) => string,
  error: unknown,
  reason: (error: unknown) => string = sentence,
): string => (isInDoubt(error) ? sentence(error) : say(reason(error)))

export const isMissing = (error: unknown): boolean => error instanceof ApiError && error.status === 404

import type { Problem } from '#core/contracts/common.ts'

/** What Foyer answered instead of doing it. `message` is the problem's sentence, so that tests can look for it. */
export class RefusedError extends Error {
  override name = 'RefusedError'
  readonly status: number
  readonly code: string
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.status = problem.status
    this.code = problem.code
    this.problem = problem
  }
}

/** Calls /api/v1 as one person: with a cookie, or with a visitor's bearer token. */
export class HttpClient {
  readonly origin: string
  readonly #headers: Record<string, string> = {}

  constructor(origin: string) {
    this.origin = origin
  }

  useCookie(cookie: string): void {
    this.#headers.cookie = cookie
  }

  /** What every call carries. */
  get headers(): Readonly<Record<string, string>> {
    return this.#headers
  }

  get cookie(): string | undefined {
    return this.#headers.cookie
  }

  useToken(token: string): void {
    this.#headers.authorization = `Bearer ${token}`
  }

  get<T>(path: string): Promise<T> {
    return this.call('GET', path)
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.call('POST', path, body)
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.call('PUT', path, body)
  }

  delete(path: string): Promise<unknown> {
    return this.call('DELETE', path)
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.call('PATCH', path, body)
  }

  /** @throws {RefusedError} for every answer that is not 2xx. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.raw(method, path, body)
    const text = await response.text()
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
    if (!response.ok) {
      if (!isJson) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`)
      throw new RefusedError(JSON.parse(text) as Problem)
    }
    return (isJson ? JSON.parse(text) : text) as T
  }

  /** The answer as it is, for tests about status, headers or broken bodies. A string is sent as it stands. */
  raw(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.origin}/api/v1${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...this.#headers,
        // a kept connection would count as a leak of the suite
        connection: 'close',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  }
}

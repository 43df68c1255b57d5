/** What Google answers when it refuses. */
export class Refusal extends Error {
  readonly status: number
  readonly body: object
  constructor(status: number, reason: string, message = reason) {
    super(message)
    this.status = status
    this.body = { error: { code: status, message, errors: [{ domain: 'global', reason, message }] } }
  }
}

/** As the token address refuses: RFC 6749 5.2. */
export class TokenRefusal extends Error {
  readonly status: number
  readonly body: object
  constructor(status: number, error: string) {
    super(error)
    this.status = status
    this.body = { error, error_description: error }
  }
}

export const json = (status: number, body: object): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json; charset=UTF-8' },
  })

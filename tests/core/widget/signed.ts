import { createHmac } from 'node:crypto'
import type { WidgetSession } from '#core/contracts/widget.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'

export const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A JWT as a site's own server makes it. */
export function signed(
  claims: object,
  secret: string,
  header: object = { alg: 'HS256', typ: 'JWT' },
): string {
  const text = `${part(header)}.${part(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

export const inSeconds = ({ clock }: Pick<TestFoyer, 'clock'>, s: number) =>
  Math.floor(clock.now().getTime() / 1_000) + s

/** What Foyer's own site says of somebody, good for ten minutes. */
export const identityOf = (foyer: Pick<TestFoyer, 'clock' | 'site'>, sub: string, more: object = {}) =>
  signed({ sub, exp: inSeconds(foyer, 600), ...more }, foyer.site.identitySecret)

type Place = Pick<TestFoyer, 'origin' | 'site'>

/** A browser that opens the widget. */
export class Browser {
  readonly http: HttpClient
  session: WidgetSession
  readonly #foyer: Place

  private constructor(foyer: Place, http: HttpClient, session: WidgetSession) {
    this.#foyer = foyer
    this.http = http
    this.session = session
  }

  static async open(foyer: Place, identity?: string): Promise<Browser> {
    const http = new HttpClient(foyer.origin)
    const session = await begin(foyer, http, identity)
    http.useToken(session.token)
    return new Browser(foyer, http, session)
  }

  /** The next page, which names somebody or not. */
  async comesBack(identity?: string): Promise<WidgetSession> {
    this.session = await begin(this.#foyer, this.http, identity, this.session.token)
    this.http.useToken(this.session.token)
    return this.session
  }
}

const begin = (foyer: Place, http: HttpClient, identity?: string, token?: string) =>
  http.post<WidgetSession>('/widget/sessions', { siteKey: foyer.site.key, identity, token })

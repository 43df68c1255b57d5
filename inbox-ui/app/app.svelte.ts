import { en, type Messages } from '../messages/en.ts'
import { Format, localeFor } from '../messages/format.ts'
import { Session } from '../session/session.svelte.ts'
import { Api } from './api.ts'
import { Clock } from './clock.svelte.ts'
import { Router } from './router.svelte.ts'

export class App {
  readonly format: Format
  readonly text: Messages
  readonly clock = new Clock()
  readonly router = new Router()
  readonly api: Api
  readonly session: Session

  constructor({
    languages = navigator.languages,
    fetch,
  }: { languages?: readonly string[]; fetch?: typeof globalThis.fetch } = {}) {
    this.format = new Format(localeFor('en', languages))
    this.text = en(this.format)
    this.api = new Api({ fetch, words: this.text.common })
    this.session = new Session(this.api)
  }
}

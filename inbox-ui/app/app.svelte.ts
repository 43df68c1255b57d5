import type { Format } from '../messages/format.ts'
import { english, type Language, type Messages } from '../messages/language.ts'
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
    language = english(),
    fetch,
  }: { language?: Language; fetch?: typeof globalThis.fetch } = {}) {
    this.format = language.format
    this.text = language.text
    this.api = new Api({ fetch, words: this.text.common })
    this.session = new Session(this.api)
  }
}

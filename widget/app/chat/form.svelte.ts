import { tick } from 'svelte'
import type { FieldName } from '#core/contracts/sites.ts'
import type { VisitorFields } from '#core/contracts/widget.ts'
import { fieldError } from '../fields.ts'
import { words } from '../words.ts'
import type { Chat } from './chat.svelte.ts'
import type { FormErrors } from './problems.ts'

type Asked = { name: FieldName; required: boolean }

/** The fields of a request or a left message: those the site asks for and this visitor has not given yet. */
export class FormState {
  #chat: Chat
  readonly textNeeded: boolean
  readonly asked: Asked[]
  values = $state.raw<Partial<Record<FieldName, string>>>({})
  consent = $state(false)
  errors = $state.raw<FormErrors>({})

  constructor(chat: Chat, { email, textNeeded }: { email: boolean; textNeeded: boolean }) {
    this.#chat = chat
    this.textNeeded = textNeeded
    const { site, known } = chat.session ?? {}
    const fields = (site?.fields ?? []).filter(({ name }) => !known?.[name] && !(email && name === 'email'))
    // A left message needs an address in any case; a known one stands there to be seen and changed.
    this.asked = email ? [...fields, { name: 'email', required: true }] : fields
    if (email) this.values = { email: known?.email ?? '' }
  }

  get tick() {
    const { session, conversation, screen } = this.#chat
    if (!session?.site.privacy.tick) return false
    // Asked once: before the first message, whether it is for now or for later.
    return screen === 'leave' || (screen === 'form' && !session.conversation && !conversation)
  }

  get privacyUrl() {
    return this.#chat.session?.site.privacy.url
  }

  get fields(): VisitorFields {
    const filled = this.asked
      .map(({ name }) => [name, this.values[name]?.trim()])
      .filter(([, value]) => value)
    return Object.fromEntries(filled)
  }

  get agreed() {
    return this.tick ? this.consent : undefined
  }

  /** Says in words what is missing, and takes the keyboard there. */
  check(text: string): boolean {
    const errors: FormErrors = {}
    for (const { name, required } of this.asked) {
      const error = fieldError(name, this.values[name] ?? '', required)
      if (error) errors[name] = error
    }
    if (this.textNeeded && !text.trim()) errors.text = words.neededMessage
    if (this.tick && !this.consent) errors.consent = words.neededTick
    this.show(errors)
    return Object.keys(errors).length === 0
  }

  show(errors: FormErrors) {
    this.errors = errors
    void tick().then(() => document.querySelector<HTMLElement>('[aria-invalid]')?.focus())
  }

  fill(name: FieldName, value: string) {
    this.values = { ...this.values, [name]: value }
    this.correct(name)
  }

  agree(consent: boolean) {
    this.consent = consent
    this.correct('consent')
  }

  correct(name: string) {
    if (name in this.errors)
      this.errors = Object.fromEntries(Object.entries(this.errors).filter(([key]) => key !== name))
  }
}

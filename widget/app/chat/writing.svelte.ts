import type { VisitorFields } from '#core/contracts/widget.ts'
import type { Keep } from '../keep.ts'
import { Draft } from './draft.svelte.ts'
import { goesOn } from './phase.ts'
import type { FormErrors } from './problems.ts'
import type { Sending } from './sending.svelte.ts'
import type { Thread } from './thread.svelte.ts'
import type { Typing } from './typing.svelte.ts'

type Surroundings = { keep: Keep; sending: Sending; thread: Thread; typing: Typing; onsubmitted: () => void }

/** What the visitor writes, until it is sent. */
export class Writing {
  #around: Surroundings
  readonly draft: Draft
  /** What is added where a message is left in a conversation that is there already. */
  readonly addition: Draft

  constructor(around: Surroundings) {
    this.#around = around
    this.draft = new Draft(around.keep, 'draft')
    this.addition = new Draft(around.keep, 'addition')
  }

  writes(text: string) {
    this.draft.writes(text)
    // In the form nobody could be told, and having told would keep the first word of the chat quiet.
    if (text && goesOn(this.#around.thread.conversation)) this.#around.typing.me()
  }

  say(text: string) {
    this.#around.typing.stop()
    this.draft.clear()
    this.#around.sending.say(text)
  }

  /** The page may go for good now. */
  rests() {
    this.draft.rests()
    this.addition.rests()
  }

  /** Asks for a chat. Null when it is on its way, which it is offline too; else what is wrong with the form. */
  request(fields: VisitorFields, text: string, consent?: boolean): Promise<FormErrors | null> {
    return this.#submit(this.draft, text, this.#around.sending.request(fields, text, consent))
  }

  /** Leaves what is written in `draft` for later, in the conversation `to` if there is one. Answers like `request`. */
  leave(
    fields: VisitorFields & { email: string },
    draft: Draft,
    { to, consent }: { to: string | null; consent?: boolean },
  ): Promise<FormErrors | null> {
    const { text } = draft
    return this.#submit(draft, text, this.#around.sending.leave(fields, text, { to, consent }))
  }

  async #submit(draft: Draft, text: string, sent: Promise<FormErrors | null>) {
    draft.handOver()
    const errors = await sent
    if (errors) draft.writes(text)
    else {
      draft.clear()
      this.#around.onsubmitted()
    }
    return errors
  }
}

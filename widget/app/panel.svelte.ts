import type { FromFrame } from '../protocol.ts'
import type { Chat } from './chat/chat.svelte.ts'
import type { Keep } from './keep.ts'
import { Later } from './later.svelte.ts'

/** The panel around the chat: whether it shows, how large, and where the keyboard goes. */
export class Panel {
  chat = $state.raw<Chat | null>(null)
  /** Fills the window. */
  full = $state(false)
  /** Counts the times the keyboard was asked in. */
  focusAsked = $state(0)
  /** The screens behind the first one. */
  readonly rooms = new Later(() => import('./screens/rooms.ts'))
  #keep: Keep | undefined
  #tell: (message: FromFrame) => void = () => {}

  begin(chat: Chat, keep: Keep, tell: (message: FromFrame) => void) {
    this.chat = chat
    this.#keep = keep
    this.#tell = tell
    if (keep.get('panel')) tell({ foyer: 'reopen' })
  }

  opens(focus: boolean) {
    this.chat?.opens(true)
    this.#keep?.set('panel', 'open')
    if (focus) this.focusAsked++
  }

  closes() {
    this.chat?.opens(false)
    this.#keep?.set('panel', null)
  }

  /** The visitor closes it from within. */
  close() {
    this.#tell({ foyer: 'close' })
  }
}

import type { FromFrame } from '../protocol.ts'
import type { Chat } from './chat/chat.svelte.ts'

const wasOpen = 'foyer:panel'

/** The panel around the chat: whether it shows, how large, and where the keyboard goes. */
export class Panel {
  chat = $state.raw<Chat | null>(null)
  /** Fills the window. */
  full = $state(false)
  /** Counts the times the keyboard was asked in. */
  focusAsked = $state(0)
  #tell: (message: FromFrame) => void = () => {}

  begin(chat: Chat, tell: (message: FromFrame) => void) {
    this.chat = chat
    this.#tell = tell
    if (remembered()) tell({ foyer: 'reopen' })
  }

  opens(focus: boolean) {
    this.chat?.opens(true)
    remember(true)
    if (focus) this.focusAsked++
  }

  closes() {
    this.chat?.opens(false)
    remember(false)
  }

  /** The visitor closes it from within. */
  close() {
    this.#tell({ foyer: 'close' })
  }
}

// In this tab only: the next page opens the panel again. Without storage it comes back closed.
const remember = (open: boolean) => {
  try {
    if (open) sessionStorage.setItem(wasOpen, '1')
    else sessionStorage.removeItem(wasOpen)
  } catch {
    // Refused to a third party.
  }
}
const remembered = () => {
  try {
    return sessionStorage.getItem(wasOpen) !== null
  } catch {
    return false
  }
}

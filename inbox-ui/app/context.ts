import { createContext } from 'svelte'
import type { Notifications } from '../notifications/notifications.svelte.ts'
import type { App } from './app.svelte.ts'
import type { Inbox } from './inbox.svelte.ts'
import type { Sounds } from './sounds.svelte.ts'

/** What every component may ask for: words, clock, router, Foyer's HTTP interface, who is signed in. */
export const [useApp, provideApp] = createContext<App>()

/** The live part, there once somebody is signed in. */
export const [useInbox, provideInbox] = createContext<Inbox>()

/** What stands around every page. */
export interface Surroundings {
  sounds: Sounds
  notifications: Notifications
  showKeyboard: () => void
  showGoTo: () => void
}
export const [useShell, provideShell] = createContext<Surroundings>()

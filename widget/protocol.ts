/** What the host page's loader and the app in the iframe say to each other by postMessage. Both sides check the exact
 *  origin and the source window of what they hear and name the exact origin of whom they tell. */

/** What happens in the chat, for the host page's `Foyer.on`. No personal data in it. */
export type ChatEvent =
  | 'ready'
  | 'opened'
  | 'closed'
  | 'triggered'
  | 'engaged'
  | 'emailGiven'
  | 'phoneGiven'
  | 'liveChatRequested'
  | 'connected'
  | 'ended'
  | 'timedOut'
  | 'meetingBooked'

/** Address, title and referrer as the browser gives them; the frame takes out what is nobody's business. */
export type HostPage = [url: string, title: string, referrer: string]

export type ToFrame =
  | {
      foyer: 'init'
      page: HostPage
      /** Whether a session may begin now: the panel is open, the page has consent, or a chat goes on. */
      begin: boolean
      open: boolean
      /** Move the keyboard into the panel. */
      focus: boolean
      /** Fills the window, as on phones. */
      full: boolean
      /** What the host page's storage keeps for this site, '' for nothing; null where it cannot keep anything. */
      kept: string | null
      identity: string | null
      /** From the link of a mail that brought the visitor here. */
      resume: string | undefined
    }
  | { foyer: 'open'; focus: boolean }
  | { foyer: 'close' }
  | { foyer: 'full'; full: boolean }
  | { foyer: 'page'; page: HostPage }
  | { foyer: 'identify'; identity: string }
  | { foyer: 'consent'; given: boolean }
  /** Whoever was here has left: nothing of them stays. */
  | { foyer: 'forget' }
  /** Another tab of the host page has changed what its storage keeps. */
  | { foyer: 'kept'; kept: string | null }

export type FromFrame =
  | { foyer: 'hello' }
  | { foyer: 'close' }
  | { foyer: 'unread'; count: number }
  | { foyer: 'keep'; value: string }
  /** The panel was open on the page before this one. */
  | { foyer: 'reopen' }
  | { foyer: 'event'; event: ChatEvent; conversationId: string | null }

/** The iframe's fragment: what it needs to draw its first picture in the site's colours. */
export type FrameStart = [hostOrigin: string, brandColour: string, theme: 'system' | 'light' | 'dark']

/** How the text kept by the host page begins. What follows is the frame's own, and empty where the frame can keep things
 *  itself. A chat goes on, so the next page needs the frame too: */
export const live = '+'
/** A session but no chat: */
export const idle = '-'
/** Consent was withdrawn while no frame was there: it forgets everything when it comes. */
export const forget = '!'

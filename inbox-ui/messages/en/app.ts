import type { Format } from '../format.ts'

/** What stands around every screen: navigation, bars above it, help, going to anything. */
export const app = (f: Format) => ({
  common: {
    cancel: 'Cancel',
    close: (what: string) => `Close ${what}`,
    save: 'Save',
    saved: 'Saved',
    unsaved: 'Not saved yet',
    discard: 'Discard',
    tryAgain: 'Try again',
    loading: 'Loading…',
    unknown: '-',
    visitor: 'Visitor',
    copy: 'Copy',
    copied: 'Copied',
    you: (name: string) => `${name} (you)`,
    skipToContent: 'Skip to content',
    noConnection: 'Foyer’s server does not answer. Check your connection, then try again.',
    notUnderstood: 'Foyer’s server gave an answer this page does not understand. Reload the page.',
    optional: 'optional',
  },

  nav: {
    main: 'Main',
    inbox: 'Inbox',
    people: 'People',
    settings: 'Settings',
    theme: 'Switch between light and dark',
    profile: (name: string) => `${name}, your profile`,
    preferences: 'My preferences',
    keyboard: 'Keyboard',
    signOut: 'Sign out',
    unread: (n: number) => f.plural(n, { one: '# unread', other: '# unread' }),
    goTo: 'Go to a person, chat or page',
    notFound: 'This page does not exist',
    notFoundHint: 'The address may be old or mistyped.',
    toInbox: 'Go to the inbox',
  },

  bars: {
    reconnecting: 'Reconnecting. What you send waits until then.',
    offline: 'You are offline. What you send waits until the connection is back.',
    tryNow: 'Try now',
    soundOff: 'Sound is off until you click here.',
  },

  goTo: {
    title: 'Go to anything',
    placeholder: 'A person, chat or page',
    pages: 'Pages',
    chats: 'Chats',
    people: 'People',
    nothing: (query: string) => `Nothing found for “${query}”`,
    searching: 'Searching…',
    failed: 'The search did not work. Try again in a moment.',
  },

  keyboard: {
    title: 'Keyboard',
    accept: 'Accept an offer',
    next: 'Next conversation',
    previous: 'Previous conversation',
    reply: 'Write a reply',
    note: 'Write a note',
    end: 'End session',
    shareCalendar: 'Share calendar',
    goTo: 'Go to anything',
    send: 'Send',
    newLine: 'New line',
    alongList: 'Along the list',
    cannedReplies: 'Canned replies, in a message',
    help: 'This help',
    close: 'Close',
    singleKeys: 'Single-key shortcuts',
  },

  title: (unread: number, page: string) =>
    unread > 0 ? `(${f.number(unread)}) ${page} · Foyer` : `${page} · Foyer`,
})

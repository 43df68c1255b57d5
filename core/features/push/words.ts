/** What notifications say. They are made here and not in the browser: a service worker has no reader's language at hand,
 *  and signed out it must not know more than it shows. */
export const words = {
  waiting: 'A visitor is waiting',
  offer: (who: string) => `${who} wants to chat`,
  message: (who: string) => `${who} wrote`,
  over: 'No longer waiting',
  test: 'Notifications work here',
  testBody: 'This is how Foyer tells you that a visitor asks for you.',
  visitor: 'A visitor',
}

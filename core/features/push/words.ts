/** What notifications say. They are made here and not in the browser: a service worker has no reader's language at hand,
 *  and signed out it must not know more than it shows. */
export const words = {
  waiting: 'A visitor is waiting',
  offer: (who: string) => `${who} wants to chat`,
  message: (who: string) => `${who} wrote`,
  /** Of an agent whose inbox is closed while chats are open; `who` where it is one chat. */
  gone: (who: string, chats: number) =>
    chats === 1 ? `Your chat with ${who} is still open` : `${chats} of your chats are still open`,
  goneBody: 'No inbox of yours is connected. What nobody answers goes to a colleague.',
  goneSignedOut: 'A chat of yours is still open',
  over: 'No longer waiting',
  test: 'Notifications work here',
  testBody: 'This is how Foyer tells you that a visitor asks for you.',
  visitor: 'A visitor',
}

import type { Format } from '../format.ts'

/** The banner that asks to accept a chat. */
export const offers = (f: Format) => ({
  offers: {
    region: 'Offers',
    accept: 'Accept',
    decline: 'Decline',
    secondsLeft: (n: number) => f.plural(n, { one: '# second left', other: '# seconds left' }),
    noCompany: 'company -',
    noStatus: 'CRM status -',
    onPage: (page: string) => `on ${page}`,
    more: (n: number) => `+${f.number(n)}`,
    moreWaiting: (n: number) =>
      f.plural(n, { one: 'more is waiting for you', other: 'more are waiting for you' }),
    notices: {
      offer_taken: (who: string) => `Somebody else took the chat with ${who}.`,
      offer_expired: (who: string) => `Too late: the time to accept ${who} ran out.`,
      offer_withdrawn: (who: string) => `${who} no longer waits: the request was withdrawn.`,
      failed: (who: string, why: string) => `The chat with ${who} was not accepted. ${why}`,
      declineFailed: (who: string, why: string) => `The chat with ${who} was not declined. ${why}`,
    },
    goneWithoutWord: 'This chat is not on offer any more.',
    dismiss: 'Dismiss',
    title: (n: number, who: string) =>
      f.plural(n, { one: `Chat from ${who}`, other: '# chats wait for you' }),
  },
})

import type { Conversation } from '../../../core/contracts/conversations.ts'

/** Missed requests, chats that change hands, visitors who have left, and watching. */
export const followUp = () => ({
  missed: {
    claim: 'Claim',
    release: 'Give back',
    reply: 'Reply',
    claimOf: (name: string) => `Claim the request of ${name}`,
    replyOf: (name: string) => `Reply to ${name}`,
    open: 'Nobody has claimed this request yet.',
    mine: 'You have claimed this request.',
    others: (name: string) => `${name} has claimed this request.`,
    replied: (name: string, when: string) => `${name} replied by e-mail, ${when}.`,
    claimedRow: (name: string) => `Claimed by ${name}`,
    claimedByYou: 'Claimed by you',
    repliedRow: 'Replied',
    replyTo: (address: string) => `Reply to ${address} by e-mail`,
    byMail: 'The visitor also reads it in the chat when they come back.',
    send: 'Send e-mail',
    sending: 'Sending…',
    cancel: 'Cancel',
    noMailServer: 'Foyer has no mail server yet, so it cannot send a reply. An admin can set one up.',
    noAddress: 'No e-mail address of this visitor is known, so there is nowhere to send a reply.',
    failed: (why: string) => `Nothing has changed. ${why}`,
  },

  handover: {
    action: 'Hand over…',
    title: 'Hand over',
    hint: 'The chat stays with you until somebody has accepted it.',
    search: 'Search colleagues and teams',
    colleagues: 'Hand over to',
    team: (n: number) => (n === 1 ? 'Team, 1 colleague available' : `Team, ${n} colleagues available`),
    available: 'Available',
    unavailable: 'Unavailable',
    notReachable: 'No inbox open',
    nobody: 'Nobody found',
    found: (n: number) => (n === 0 ? 'Nobody found' : n === 1 ? 'One found' : `${n} found`),
    choose: 'First choose who is to take over.',
    nobodyFree: 'Nobody of these can take it right now.',
    loading: 'Loading colleagues',
    note: 'Note to the colleague',
    notePlaceholder: 'What they should know. The visitor never sees it.',
    submit: 'Hand over',
    failed: (why: string) => `The chat stays with you. ${why}`,
    cancel: 'Cancel',
    takeBack: 'Keep the chat',
    dismiss: 'Dismiss',
    pending: (name: string, until: string) =>
      `${name} is asked to take over, until ${until}. The chat stays with you meanwhile.`,
    over: {
      pending: () => '',
      accepted: () => '',
      declined: (name: string) => `${name} declined. The chat stays with you.`,
      expired: (name: string) => `${name} did not answer in time. The chat stays with you.`,
      withdrawn: (name: string) => `${name} is no longer asked. The chat stays with you.`,
    } satisfies Record<NonNullable<Conversation['handover']>['state'], (name: string) => string>,
    from: (name: string) => `handed over by ${name}`,
    left: (who: string, to: string) => `${to} has taken over the chat with ${who}`,
    leftHint: 'It shows in All once it has ended.',
    rerouted: (who: string) => `A colleague is being found for ${who}`,
    reroutedHint: 'You were away, so the chat is no longer yours.',
    line: (to: string, from: string) => `${from} handed over to ${to}`,
    taken: (to: string) => `${to} takes over`,
    finding: 'A colleague is being found',
  },

  departed: {
    willBeMailed: (address: string) =>
      `The visitor has left. What you write is mailed to ${address} after 2 minutes.`,
    due: (address: string) => `The visitor has left. Your message will be mailed to ${address}.`,
    mailed: (address: string) => `The visitor has left. Your message was mailed to ${address}.`,
    noAddress: 'The visitor has left, and no e-mail address is known. They read it here if they come back.',
    noMailServer: 'The visitor has left. Without a mail server they read it here if they come back.',
    mark: 'Mailed',
  },

  transcript: {
    mail: 'Mail transcript',
    noMailServer: 'Foyer has no mail server yet, so it cannot mail the transcript. An admin can set one up.',
    noAddress: 'No e-mail address of this visitor is known, so there is nowhere to mail the transcript.',
    mailed: (address: string) => `On its way to ${address}`,
  },

  watching: {
    foot: (name: string) =>
      `You are watching. Only ${name} can write here, and the audit log says that you were here.`,
    waiting: 'You are watching a request that waits for an agent. The audit log says that you were here.',
    allow: 'Allow watching chats',
    forbid: 'Stop watching chats',
    chip: 'Watches chats',
  },
})

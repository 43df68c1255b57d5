import type { ConnectResult } from '../../../core/contracts/connections.ts'
import type { Format } from '../format.ts'

/** The calendar that an agent has connected, and how they can be met. */
export const myCalendar = (f: Format) => ({
  myCalendar: {
    title: 'My calendar',
    intro: 'Where your meetings go, and when and how you can be met.',
    loading: 'Loading your calendar',
    failed: 'Your calendar did not load',
    results: {
      connected: 'Your calendar is connected.',
      denied: 'You did not agree at the provider, so nothing has changed. Connect again when you are ready.',
      expired: 'That took too long, or began in another session. Connect again.',
      other_account: 'That is another account than before. Disconnect first to connect another one.',
      failed: 'This did not work. The calendar below says why.',
      // one's own is never paused
    } satisfies Record<Exclude<ConnectResult, 'still_paused'>, string>,

    own: 'Foyer’s own calendar',
    ownHint:
      'Meetings can be booked at once and are mailed as .ics. Connect yours so that its busy time counts.',
    states: {
      connecting: 'Not connected yet',
      choosing: 'Calendar to choose',
      ok: 'Connected',
      broken: 'Reconnect needed',
    },
    unusable: 'Cannot be used now',
    brokenHint: 'Until then nobody can book a meeting with you. Meetings that stand stay as they are.',
    account: (connector: string, account: string) => `${connector}, ${account}`,
    readAt: (when: string) => `Busy time read ${when}.`,
    video: (what: string) => `Makes video links with ${what}.`,
    connect: (name: string) => `Connect ${name}`,
    reconnect: 'Connect again',
    notReady: (name: string) =>
      `An admin has to enter Foyer’s app at ${name} first, under Settings → Connectors.`,
    documentation: (name: string) => `${name} help`,
    userName: 'User name',
    password: 'App password',
    passwordHint: 'Kept encrypted, and never shown again.',
    needed: (what: string) => `${what} is needed.`,
    connected: (name: string) => `${name} is connected.`,
    notConnected: (why: string) => `Not connected: ${why}`,
    choose: 'Choose calendar',
    chooseTitle: 'Calendar for meetings',
    chooseHint: 'New meetings go into it; those booked before stay where they are.',
    also: 'Also busy when busy in',
    readOnly: 'cannot be written to',
    primary: 'main',
    loadingChoices: 'Asking for your calendars',
    choicesFailed: 'Your calendars did not load',
    use: 'Use this calendar',
    chosen: (name: string) => `Meetings go into ${name}.`,
    notChosen: (why: string) => `Not chosen: ${why}`,
    test: 'Test',
    testing: 'Testing…',
    works: (account: string) => `It works: ${account} answers.`,
    worksNot: (why: string) => `It does not work: ${why}`,
    disconnect: 'Disconnect',
    disconnectTitle: (name: string) => `Disconnect ${name}?`,
    disconnectHint:
      'Its busy time no longer counts, and new meetings go into Foyer’s own calendar. Meetings that stand in it stay there: what is moved or cancelled in Foyer you change there by hand, until you connect the same account again.',
    disconnected: (name: string) => `${name} is disconnected.`,
    notRevoked: (name: string) =>
      `${name} is disconnected here, but was not reached: remove Foyer’s access in your account there.`,
    notDisconnected: (why: string) => `Not disconnected: ${why}`,

    meet: 'How you can be met',
    meetHint: (zone: string) => `Weekly hours in ${zone}. Visitors see every time in their own zone.`,
    length: 'Times',
    duration: 'Duration (minutes)',
    step: 'Start every (minutes)',
    stepHint: 'Left empty: as long as a meeting.',
    bufferBefore: 'Buffer before (minutes)',
    bufferAfter: 'Buffer after (minutes)',
    notice: 'Minimum notice (minutes)',
    noticeHint: 'Nothing sooner than this can be booked.',
    daysAhead: 'Days ahead',
    daysAheadHint: 'How many dates after today’s can be booked.',
    dailyMax: 'Most meetings a day',
    dailyMaxHint: 'Left empty: any number.',
    reminder: 'Reminder mail to the visitor',
    noReminder: 'None',
    before: (minutes: number) =>
      minutes % 1440 === 0
        ? f.plural(minutes / 1440, { one: '# day before', other: '# days before' })
        : minutes % 60 === 0
          ? f.plural(minutes / 60, { one: '# hour before', other: '# hours before' })
          : f.plural(minutes, { one: '# minute before', other: '# minutes before' }),
    whole: (least: number, most: number) => `A whole number from ${f.number(least)} to ${f.number(most)}.`,
    event: 'The meeting in the calendar',
    eventTitle: 'Title',
    body: 'Description',
    tokens: (names: readonly string[]) =>
      `These are filled in: ${names.map((name) => `{{${name}}}`).join(' ')}`,
    location: 'Location',
    locationHint: 'A room, an address or a phone number.',
    videoLink: 'Video link',
    videoLinkHint: 'Where your calendar can make one.',
    noChats: 'No chats while busy',
    noChatsHint: 'No chat is offered to you during a meeting, or while your calendar says busy.',
    noDatesOff: 'None. Add holidays and days away: no meeting can be booked on them.',
    saveFailed: (why: string) => `Not saved: ${why}`,

    next: 'Next times by these settings',
    nextHint: 'Before meetings and busy time are taken out.',
    nextFailed: (why: string) => `These may be out of date: ${why}`,
    noTimes: 'With these settings no time can be booked.',
    lookingForTimes: 'Working out the next times',
    fixFirst: 'Shown once the fields marked below are right.',
  },
})

import type { Format } from '../format.ts'

/** Sharing calendars, and what was booked. */
export const meetings = (f: Format) => ({
  shareCalendar: {
    title: 'Share calendar',
    search: 'Search agents',
    team: 'Team',
    allTeams: 'All teams',
    calendars: 'Calendar',
    you: '(you)',
    length: (minutes: number) => f.plural(minutes, { one: '# minute', other: '# minutes' }),
    own: 'Foyer’s own calendar',
    nextFree: 'next free',
    nothingFree: 'Nothing free as far ahead as can be booked',
    zone: (zone: string) => `Times in ${zone}`,
    zoneHint: (zone: string, who: string) => `Times here in ${zone}. ${who} sees their own.`,
    loading: 'Loading calendars',
    failed: 'The calendars did not load',
    nobody: (query: string) => (query ? `No calendar found for “${query}”` : 'No calendar in this team'),
    notShared: (why: string) => `Not shared: ${why}`,
    cancel: 'Cancel',
    send: 'Send',
  },
})

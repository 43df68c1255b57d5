/** The reader's zone. */
export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone

/** "Rome" for Europe/Rome: how people call where a clock hangs. */
export const zoneName = (zone: string): string => zone.split('/').at(-1)?.replaceAll('_', ' ') ?? zone

import { localTime } from '../availability/days.ts'
import { zoneNamed } from '../availability/zone.ts'

/** What clocks show when a meeting begins, as each was told. */
export const wallTimes = (start: Date, timeZone: string, agentTimeZone: string) => ({
  wallTime: localTime(zoneNamed(timeZone).name, start.getTime()),
  agentWallTime: localTime(zoneNamed(agentTimeZone).name, start.getTime()),
})

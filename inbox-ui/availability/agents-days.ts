import type { Availability } from '../../core/contracts/availability.ts'
import type { LocalDay, LocalDays } from '../../core/contracts/schedules.ts'
import type { Api } from '../app/api.ts'

/** Today and tomorrow by the calendar of the agent's schedule. */
export const agentsDays = async (api: Api, { reason }: Availability): Promise<LocalDay[]> =>
  (await api.get<LocalDays>('/availability/days', { timeZone: reason.timeZone, days: 2 })).days

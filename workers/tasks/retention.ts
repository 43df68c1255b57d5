import { forgetOld } from '#core/features/retention/retention.ts'
import type { Services } from '#core/services.ts'
import { every } from '../schedules.ts'

export const retention = every<Services>(
  3_600_000,
  'retention',
  async ({ services, signal, log }) => {
    const gone = Object.entries(await forgetOld(services, signal)).filter(([, count]) => count > 0)
    if (gone.length > 0) log.info(Object.fromEntries(gone), 'What had been kept long enough was deleted')
  },
  { oneProcess: true },
)

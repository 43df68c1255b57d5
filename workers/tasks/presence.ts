import { sweepPresence } from '#core/realtime/presence.ts'
import type { Services } from '#core/services.ts'
import { every } from '../schedules.ts'

export const presenceSweep = every<Services>(
  5_000,
  'old presence',
  ({ services }) => sweepPresence(services),
  {
    oneProcess: true,
  },
)

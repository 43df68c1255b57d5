import { workOnMeeting as contract } from '#core/contracts/jobs.ts'
import { sweepTranscripts } from '#core/features/meetings/background.ts'
import { sweepClocks } from '#core/features/meetings/clocks.ts'
import { sweepMeetings, sweepReminders } from '#core/features/meetings/sweeps.ts'
import { workOn } from '#core/features/meetings/work.ts'
import type { Services } from '#core/services.ts'
import { every } from '../schedules.ts'
import { defineOutsideTask, type OutsideWork } from '../task.ts'

/** Goes on where whoever took a meeting on has stopped. What failed has ordered its next try itself. */
export const workOnMeeting = defineOutsideTask({
  ...contract,
  lane: 'providers',
  attempts: 10,
  async run({ services, payload, signal }: OutsideWork<typeof contract, Services>) {
    await workOn(services, payload.meetingId, { signal, live: false })
  },
})

export const meetingSweep = every<Services>(
  5_000,
  'meetings',
  async ({ services, signal }) => {
    await sweepMeetings(services, signal)
    await sweepReminders(services)
    await sweepTranscripts(services)
  },
  { oneProcess: true },
)

/** New rules of clocks come with a newer runtime, so soon after a start. */
export const clockSweep = every<Services>(3_600_000, 'clocks', ({ services }) => sweepClocks(services), {
  oneProcess: true,
})

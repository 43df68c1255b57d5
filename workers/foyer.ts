import { noteFailure } from '#core/features/mail/batches.ts'
import { createMailer } from '#core/features/mail/mailer.ts'
import { readSender } from '#core/features/mail/settings.ts'
import type { Services } from '#core/services.ts'
import { startWorkers, type Workers } from './start.ts'
import { brokenCalendars, readingCalendars } from './tasks/calendars.ts'
import { applyWebhookEvent, erasePerson, heldWrites, refreshPerson, writeToCrm } from './tasks/crm.ts'
import { deadlineSweep, deadlineTasks } from './tasks/deadlines.ts'
import { eraseMirror } from './tasks/erase-mirror.ts'
import { mailBatch } from './tasks/mail-batch.ts'
import { clockSweep, meetingSweep, workOnMeeting } from './tasks/meetings.ts'
import { presenceSweep } from './tasks/presence.ts'
import { pushSweep, sendPush } from './tasks/push.ts'
import { retention } from './tasks/retention.ts'
import { searchIndexing } from './tasks/search.ts'
import { sendMail } from './tasks/send-mail.ts'
import { importing, polling } from './tasks/sync.ts'

/** All of Foyer's background work, in whichever process: on Redis if there is one, else on PostgreSQL. */
export async function startFoyerWorkers(services: Services): Promise<Workers> {
  const { config, db, pool, clock, log } = services
  const { smtpUrl, databaseUrl, redisUrl } = config
  const sender = () => readSender(db, config)
  const mailer = smtpUrl ? createMailer({ url: smtpUrl, sender }) : undefined
  const workers = await startWorkers({
    tasks: [
      applyWebhookEvent,
      ...deadlineTasks,
      eraseMirror,
      erasePerson,
      mailBatch,
      refreshPerson,
      sendMail,
      sendPush,
      workOnMeeting,
      writeToCrm,
    ],
    schedules: [
      brokenCalendars,
      deadlineSweep,
      heldWrites,
      importing,
      clockSweep,
      meetingSweep,
      polling,
      searchIndexing,
      presenceSweep,
      pushSweep,
      readingCalendars,
      retention,
    ],
    db,
    pool,
    clock,
    queue: redisUrl ? { redisUrl } : { databaseUrl },
    // `wakeJobs` is set below: what a job promises must wake the relay, too
    services: { ...services, wakeJobs: () => services.wakeJobs(), mailer },
    log,
    onDead: (tx, row) => noteFailure(services, tx, row),
  })
  services.wakeJobs = workers.wake
  return {
    ...workers,
    async stop() {
      try {
        await workers.stop()
      } finally {
        mailer?.close()
      }
    },
  }
}

import { importPeople } from '#core/features/sync/import.ts'
import { holding, type SyncWork, takeDue } from '#core/features/sync/lease.ts'
import { pollChanges } from '#core/features/sync/poll.ts'
import type { Services } from '#core/services.ts'
import { eachAsDue } from '../each-as-due.ts'
import { every, type ScheduledWork } from '../schedules.ts'

const works = { poll: pollChanges, import: importPeople }

/** Does what is due of every connection: a CRM that answers late holds up no other one. */
const work = (kind: SyncWork, { services, signal, log }: ScheduledWork<Services>): Promise<void> =>
  eachAsDue(
    () => takeDue(services, kind),
    (lease) =>
      holding(services, kind, lease, signal, (held) => works[kind](services, held)).catch((error: unknown) =>
        log.error({ err: error, connection: lease.connectionId }, `A CRM was not read (${kind})`),
      ),
    { signal },
  )

/** Of every connection what has changed there. */
export const polling = every<Services>(1_000, 'changes in the CRMs', (given) => work('poll', given))
/** Of every connection everybody, once. */
export const importing = every<Services>(1_000, 'people of the CRMs', (given) => work('import', given))

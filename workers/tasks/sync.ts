import { importPeople } from '#core/features/sync/import.ts'
import { holding, type Lease, type SyncWork, takeDue } from '#core/features/sync/lease.ts'
import { pollChanges } from '#core/features/sync/poll.ts'
import type { Services } from '#core/services.ts'
import { every, type ScheduledWork } from '../schedules.ts'

const works = { poll: pollChanges, import: importPeople }

/** While some are under way others come due. */
const lookEveryMs = 1_000

/** Does what is due of every connection until nothing is, each by itself: a CRM that answers late holds up no other one. Any
 *  number of processes may: a lease says whose turn it is. */
async function work(kind: SyncWork, { services, signal, log }: ScheduledWork<Services>): Promise<void> {
  const underWay = new Set<Promise<void>>()
  const begin = (lease: Lease) => {
    const one = holding(services, kind, lease, signal, (held) => works[kind](services, held))
      .catch((error: unknown) =>
        log.error({ err: error, connection: lease.connectionId }, `A CRM was not read (${kind})`),
      )
      .finally(() => underWay.delete(one))
    underWay.add(one)
  }
  try {
    for (;;) {
      if (!signal.aborted) for (const lease of await takeDue(services, kind)) begin(lease)
      if (underWay.size === 0) return
      await oneEnds(underWay, lookEveryMs)
    }
  } finally {
    await Promise.all(underWay)
  }
}

async function oneEnds(underWay: Set<Promise<void>>, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeIsUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, withinMs)
  })
  await Promise.race([...underWay, timeIsUp])
  clearTimeout(timer)
}

/** Of every connection what has changed there. */
export const polling = every<Services>(1_000, 'changes in the CRMs', (given) => work('poll', given))
/** Of every connection everybody, once. */
export const importing = every<Services>(1_000, 'people of the CRMs', (given) => work('import', given))

import type { CrmChange } from '#connectors/sdk/crm.ts'
import { type Connected, crmOf } from './a-connection.ts'

/** Polls until there is no more for now. */
export async function poll({ crm, standIn }: Connected, cursor: string | null, read = crmOf.changes) {
  const all: CrmChange[] = []
  let at = cursor
  for (;;) {
    const { changes, cursor: next, done } = await read(crm, at)
    all.push(...changes)
    at = next
    // as the limiter would wait for five searches a second
    standIn.clock.advance(250)
    if (done) return { changes: all, cursor: next, told: all.map(words) }
  }
}

const words = (change: CrmChange) =>
  change.type === 'changed'
    ? `changed ${change.person.emails[0]}`
    : change.type === 'company_changed'
      ? `company_changed ${change.company.name}`
      : `${change.type} ${change.ref.id}`

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

function words(change: CrmChange): string {
  switch (change.type) {
    case 'changed':
      return `changed ${change.person.emails[0]}`
    case 'company_changed':
      return `company_changed ${change.company.name}`
    case 'activity_changed':
      return `activity_changed ${change.id}`
    default:
      return `${change.type} ${change.ref.id}`
  }
}

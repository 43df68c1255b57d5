import type { z } from 'zod'
import type { OutcomeList, SaveOutcomes } from '../../contracts/outcomes.ts'
import { InvalidInputError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { refuseStale } from '../content-version.ts'
import { lockOutcomes, offerOnly, readOutcomeList } from './repository.ts'

/** By which the audit log knows the one list there is. */
const listId = 'outcomes'

/** Those left out are offered no more; chats that have them keep them.
 *  @param expected the version it replaces, if the caller says
 *  @throws {InvalidInputError} a key that none has @throws {ConflictError} `changed_meanwhile` */
export function saveOutcomes(
  services: Services,
  actorId: string,
  { outcomes }: z.output<typeof SaveOutcomes>,
  expected?: string,
): Promise<OutcomeList> {
  return change(services, async ({ tx, now, tellAgents }) => {
    const before = await lockOutcomes(tx)
    await refuseStale(tx, expected, before, { what: 'list', objectId: listId, actorId })
    const taken = new Set(before.outcomes.map(({ key }) => key))
    const unknown = outcomes.findIndex(({ key }) => key !== undefined && !taken.has(key))
    if (unknown !== -1)
      throw new InvalidInputError('One of these outcomes does not exist.', [
        { field: `outcomes.${unknown}.key`, message: 'There is no such outcome.' },
      ])
    const named = outcomes.map(({ key, label }) => ({ key: key ?? newKey(label, taken), label }))
    await offerOnly(tx, named)
    await audit(tx, {
      now,
      actorId,
      action: 'outcomes.changed',
      objectType: 'outcomes',
      objectId: listId,
      detail: { offered: named.map(({ key }) => key) },
    })
    tellAgents({ type: 'settings_changed', what: 'outcomes' })
    return readOutcomeList(tx)
  })
}

/** From its name, for whoever reads an export; numbered where the name has been used before. */
function newKey(label: string, taken: Set<string>): string {
  const base =
    label
      .normalize('NFKD')
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '_')
      .replaceAll(/^_+|_+$/g, '')
      .slice(0, 30) || 'outcome'
  let key = base
  for (let number = 2; taken.has(key); number++) key = `${base}_${number}`
  taken.add(key)
  return key
}

import { empty } from './empty.ts'
import { atFileEnd } from './file-end.ts'
import { startFoyer } from './foyer.ts'
import { MemoryCrm } from './memory-crm.ts'
import type { MemoryOptions } from './memory-crm-connector.ts'

type FoyerOptions = NonNullable<Parameters<typeof startFoyer>[0]>

/** A Foyer beside CRMs that are kept in memory, at its clock; none is connected yet. Closed at the end of the file.
 *  @param options.crm what the CRMs can do */
export async function foyerWithCrms<const Ids extends readonly string[]>(
  ids: Ids,
  { crm: abilities, ...options }: FoyerOptions & { crm?: MemoryOptions } = {},
) {
  const crms: MemoryCrm[] = []
  for (const id of ids) {
    const crm = await MemoryCrm.start(id)
    atFileEnd(() => crm.stop())
    crms.push(crm)
  }
  const { connectors = [], config } = options
  const foyer = await startFoyer({
    ...options,
    connectors: [...crms.map((crm) => crm.declaration(abilities)), ...connectors],
    config: {
      ...config,
      standIns: { ...config?.standIns, ...Object.fromEntries(crms.map(({ id, origin }) => [id, origin])) },
    },
  })
  for (const crm of crms) crm.now = () => foyer.clock.now()
  return {
    foyer,
    crms: crms as { [Place in keyof Ids]: MemoryCrm },
    /** As before anything was connected: the CRMs hold nobody, and Foyer knows nobody from them. */
    async forget(): Promise<void> {
      await empty(foyer.pool, 'connections, people, people_mirror, companies_mirror, mirror_gone, crm_users')
      for (const crm of crms) crm.clear()
    },
  }
}

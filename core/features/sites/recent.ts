import type { Db } from '../../db/pool.ts'
import { findSiteByKey, type SiteRow } from './repository.ts'

const keptMs = 3_000

/** Sites as they were up to three seconds ago, for what pages ask as often as they are looked at. */
export class RecentSites {
  readonly #db: Db
  readonly #kept = new Map<string, { site: SiteRow; until: number }>()

  constructor(db: Db) {
    this.#db = db
  }

  /** @param key as a stranger wrote it. */
  async find(key: string): Promise<SiteRow | null> {
    const kept = this.#kept.get(key)
    if (kept && performance.now() < kept.until) return kept.site
    const site = await findSiteByKey(this.#db, key)
    // unknown keys are not kept, as there is no end of them
    if (site) this.#kept.set(key, { site, until: performance.now() + keptMs })
    else this.#kept.delete(key)
    return site
  }
}

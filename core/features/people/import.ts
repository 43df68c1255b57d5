import type { Readable } from 'node:stream'
import { EmailAddress, shortText } from '../../contracts/common.ts'
import type { ImportResult } from '../../contracts/visitors.ts'
import { InvalidInputError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { tellAgentsAbout } from '../visitors/service.ts'
import { type Column, fromCell, type Layout, layoutOf } from './columns.ts'
import { type CsvRow, readCsv, UnreadableRowError } from './csv.ts'
import * as people from './repository.ts'

const batchSize = 1_000
const maxFailuresListed = 500

/**
 * Takes a file into the directory, found by e-mail address: new people are added, known ones get what the file says,
 * and an empty cell leaves what was there. Batches are committed as they come, so a file cut off half-way has done its
 * first half; doing it again changes nothing that is right already.
 * @throws {InvalidInputError} without a column for the e-mail address
 */
export async function importPeople(
  services: Services,
  actorId: string,
  file: Readable,
): Promise<ImportResult> {
  const result: ImportResult = { created: 0, updated: 0, unchanged: 0, failed: [] }
  const owners = await people.agentsByName(services.db)
  let layout: Layout | undefined
  let failures = 0
  let batch = new Batch()
  const fail = (row: number, message: string) => {
    if (++failures <= maxFailuresListed) result.failed.push({ row, message })
  }
  const store = async () => {
    if (batch.size === 0) return
    const full = batch
    batch = new Batch()
    await change(services, async (change) => {
      const stored = await people.upsert(change.tx, change.now, full.people())
      full.count(stored, result)
      await tellAgentsAbout(
        change,
        stored.map(({ email }) => email),
      )
    })
  }

  try {
    for await (const row of readCsv(file)) {
      if (!layout) {
        layout = layoutOf(row.cells)
        if (!layout.email) throw noEmailColumn()
        continue
      }
      if (row.cells.every((cell) => cell.trim() === '')) continue
      try {
        batch.add(readPerson(row, layout, owners))
      } catch (error) {
        if (!(error instanceof RowError)) throw error
        fail(row.number, error.message)
      }
      if (batch.size >= batchSize) await store()
    }
  } catch (error) {
    if (!(error instanceof UnreadableRowError)) throw error
    fail(error.row, error.message)
  }
  if (!layout) throw noEmailColumn()
  await store()
  if (failures > maxFailuresListed) {
    const others = failures - maxFailuresListed
    result.failed.push({
      row: result.failed.at(-1)?.row ?? 1,
      message: `… and ${others.toLocaleString('en')} more rows.`,
    })
  }
  await change(services, ({ tx, now }) => {
    const { created, updated, unchanged } = result
    const detail = { created, updated, unchanged, failed: failures }
    return audit(tx, { now, actorId, action: 'people.imported', objectType: 'people', detail })
  })
  return result
}

const noEmailColumn = () =>
  new InvalidInputError('The first row must name the columns, and one of them must be "Email".', [
    { field: 'email', message: 'No such column.' },
  ])

class RowError extends Error {}

const texts = {
  name: shortText(),
  jobTitle: shortText(),
  phone: shortText(50),
  crmStatus: shortText(),
  company: shortText(),
}
const labels: Partial<Record<Column, string>> = {
  name: 'name',
  jobTitle: 'job title',
  phone: 'phone',
  crmStatus: 'CRM status',
  company: 'company',
}

function readPerson(row: CsvRow, layout: Layout, owners: Map<string, string>): people.PersonFacts {
  const cell = (column: Column) =>
    (layout[column] ?? [])
      .map((at) => fromCell(row.cells[at] ?? ''))
      .filter(Boolean)
      .join(' ')
  const text = (column: keyof typeof texts) => {
    const parsed = texts[column].safeParse(cell(column))
    if (!parsed.success)
      throw new RowError(`The ${labels[column]}: ${parsed.error.issues[0]?.message ?? 'not valid.'}`)
    return parsed.data
  }
  // what a decoder puts where bytes were no UTF-8
  if (row.cells.some((value) => value.includes('�')))
    throw new RowError('Some characters cannot be read. Save the file as "CSV UTF-8".')
  const email = cell('email')
  if (email === '') throw new RowError('The e-mail address is missing.')
  const parsed = EmailAddress.safeParse(email)
  if (!parsed.success) throw new RowError(`“${email.slice(0, 100)}” is not an e-mail address.`)
  return {
    email: parsed.data,
    name: text('name'),
    jobTitle: text('jobTitle'),
    phone: text('phone'),
    crmStatus: text('crmStatus'),
    company: text('company'),
    ownerEmail: ownerOf(cell('owner'), owners),
  }
}

function ownerOf(owner: string, owners: Map<string, string>): string | null {
  if (owner === '') return null
  const email = owners.get(owner.toLowerCase()) ?? EmailAddress.safeParse(owner).data
  if (!email)
    throw new RowError(
      `The owner “${owner.slice(0, 100)}” is neither an e-mail address nor one agent’s name.`,
    )
  return email
}

/** Rows on their way into the directory, one person an address: of two rows with the same address the later one adds to
 *  and overwrites the earlier. */
class Batch {
  readonly #byEmail = new Map<string, { facts: people.PersonFacts; repeats: number; news: number }>()

  get size(): number {
    return this.#byEmail.size
  }

  add(facts: people.PersonFacts): void {
    const known = this.#byEmail.get(facts.email)
    if (!known) {
      this.#byEmail.set(facts.email, { facts, repeats: 0, news: 0 })
      return
    }
    const given = Object.entries(facts).filter(([, value]) => value !== null)
    const before = known.facts as unknown as Record<string, string | null>
    const isNews = given.some(([key, value]) => before[key] !== value)
    known.repeats++
    if (isNews) known.news++
    known.facts = { ...known.facts, ...Object.fromEntries(given) }
  }

  people(): people.PersonFacts[] {
    return [...this.#byEmail.values()].map(({ facts }) => facts)
  }

  /** Adds what became of each row to the result. */
  count(stored: { email: string; created: boolean }[], result: ImportResult): void {
    const outcome = new Map(stored.map(({ email, created }) => [email, created]))
    for (const [email, { repeats, news }] of this.#byEmail) {
      const created = outcome.get(email)
      if (created) result.created++
      else if (created === false) result.updated++
      else result.unchanged++
      result.updated += news
      result.unchanged += repeats - news
    }
  }
}

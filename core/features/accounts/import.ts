import type { Readable } from 'node:stream'
import { shortText } from '../../contracts/common.ts'
import { normaliseDomain } from '../../contracts/domains.ts'
import type { ImportResult } from '../../contracts/visitors.ts'
import { InvalidInputError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { fromCell } from '../people/columns.ts'
import { type CsvRow, readCsv, UnreadableRowError } from '../people/csv.ts'
import * as accounts from './repository.ts'

const batchSize = 1_000
const maxFailuresListed = 500

/** What people and the usual exports call the columns; compared without case, spaces and signs. */
const knownAs = {
  domain: ['domain', 'companydomain', 'companydomainname', 'emaildomain', 'website', 'web', 'url'],
  company: ['company', 'companyname', 'name', 'account', 'accountname', 'organisation', 'organization'],
  agent: ['agent', 'agentemail', 'owner', 'owneremail', 'accountowner', 'companyowner', 'email'],
} as const
type Layout = Record<keyof typeof knownAs, number>

/**
 * Takes a file into the account list, found by domain: new companies are added, known ones get the file's agent, and an
 * empty company leaves what was there. Batches are committed as they come; doing it again changes nothing that is right
 * already.
 * @throws {InvalidInputError} without columns for domain and agent
 */
export async function importAccounts(
  services: Services,
  actorId: string,
  file: Readable,
): Promise<ImportResult> {
  const result: ImportResult = { created: 0, updated: 0, unchanged: 0, failed: [] }
  const agents = await accounts.agentsByWord(services.db)
  let layout: Layout | undefined
  let failures = 0
  let batch = new Map<string, accounts.AccountFacts>()
  const fail = (row: number, message: string) => {
    if (++failures <= maxFailuresListed) result.failed.push({ row, message })
  }
  const store = async () => {
    if (batch.size === 0) return
    const full = [...batch.values()]
    batch = new Map()
    const stored = await change(services, ({ tx, now }) => accounts.upsert(tx, { now, by: actorId }, full))
    const created = stored.filter((one) => one.created).length
    result.created += created
    result.updated += stored.length - created
    result.unchanged += full.length - stored.length
  }

  try {
    for await (const row of readCsv(file)) {
      if (!layout) {
        layout = layoutOf(row.cells)
        continue
      }
      if (row.cells.every((cell) => cell.trim() === '')) continue
      const facts = readAccount(row, layout, agents)
      if (typeof facts === 'string') {
        fail(row.number, facts)
        continue
      }
      // of two rows with the same domain the later one counts
      if (batch.has(facts.domain)) result.unchanged++
      batch.set(facts.domain, {
        ...facts,
        company: facts.company ?? batch.get(facts.domain)?.company ?? null,
      })
      if (batch.size >= batchSize) await store()
    }
  } catch (error) {
    if (!(error instanceof UnreadableRowError)) throw error
    fail(error.row, error.message)
  }
  if (!layout) throw missing('domain')
  await store()
  if (failures > maxFailuresListed) {
    const others = (failures - maxFailuresListed).toLocaleString('en')
    result.failed.push({ row: result.failed.at(-1)?.row ?? 1, message: `… and ${others} more rows.` })
  }
  await change(services, ({ tx, now }) => {
    const { created, updated, unchanged } = result
    const detail = { created, updated, unchanged, failed: failures }
    return audit(tx, { now, actorId, action: 'accounts.imported', objectType: 'accounts', detail })
  })
  return result
}

/** @throws {InvalidInputError} */
function layoutOf(heading: string[]): Layout {
  const names = heading.map((name) => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, ''))
  // the first of the names that stands there: "Owner email" is the agent although there is an "Email" too
  const at = (column: keyof typeof knownAs) =>
    knownAs[column].map((name) => names.indexOf(name)).find((place) => place >= 0) ?? -1
  const layout = { domain: at('domain'), company: at('company'), agent: at('agent') }
  if (layout.domain < 0) throw missing('domain')
  if (layout.agent < 0) throw missing('agent')
  return layout
}

const missing = (column: 'domain' | 'agent') =>
  new InvalidInputError(
    'The first row must name the columns, and two of them must be "Domain" and "Agent".',
    [{ field: column, message: 'No such column.' }],
  )

const Company = shortText()

/** @returns in a sentence why the row cannot be taken, if it cannot. */
function readAccount(
  row: CsvRow,
  layout: Layout,
  agents: Map<string, string>,
): accounts.AccountFacts | string {
  const cell = (at: number) => (at < 0 ? '' : fromCell(row.cells[at] ?? ''))
  // what a decoder puts where bytes were no UTF-8
  if (row.cells.some((value) => value.includes('�')))
    return 'Some characters cannot be read. Save the file as "CSV UTF-8".'
  const { domain, problem } = normaliseDomain(cell(layout.domain))
  if (problem !== null) return problem
  const company = Company.safeParse(cell(layout.company))
  if (!company.success) return `The company: ${company.error.issues[0]?.message ?? 'not valid.'}`
  const agent = cell(layout.agent)
  if (agent === '') return 'The agent is missing.'
  const agentId = agents.get(agent.toLowerCase())
  if (!agentId) return `“${agent.slice(0, 100)}” is neither an agent’s e-mail address nor one agent’s name.`
  return { domain, company: company.data, agentId }
}

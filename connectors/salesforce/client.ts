import type { Connection as JsforceConnection } from 'jsforce/lib/connection.js'
import type { DescribeSObjectResult } from 'jsforce/lib/types/index.js'
import type { Connection } from '../sdk/contract.ts'
import { ProviderAnswerError, ReconnectNeededError } from '../sdk/errors.ts'
import { errorFrom } from './errors.ts'
import { asId } from './ids.ts'
import type { Row } from './rows.ts'
import type { Soql } from './soql.ts'

export interface Select {
  soql: Soql
  /** Rows in the recycle bin too. */
  withDeleted?: boolean
}

/** Queries that one call may carry. */
export const queriesAtOnce = 5
/** Beyond any person's history; a query that gives more stops there and says so in the log. */
const rowsAtMost = 10_000

/** One org's records over one connection: what the actions of this folder ask of it. */
export class Salesforce {
  readonly #connection: Connection
  readonly #jsforce: JsforceConnection
  readonly #transport: { serverTime: Date | null }

  private constructor(
    connection: Connection,
    { jsforce, transport }: { jsforce: JsforceConnection; transport: { serverTime: Date | null } },
  ) {
    this.#connection = connection
    this.#jsforce = jsforce
    this.#transport = transport
  }

  /** @throws {ReconnectNeededError} */
  static async over(connection: Connection): Promise<Salesforce> {
    const instanceUrl = connection.standIn ?? connection.account?.apiOrigin
    if (!instanceUrl)
      throw new ReconnectNeededError('Salesforce has not said where the organisation is. Connect again.')
    // jsforce takes a second to load: an installation without Salesforce does not pay for it
    const { jsforceOver } = await import('./transport.ts')
    return new Salesforce(connection, jsforceOver(connection, instanceUrl))
  }

  /** Salesforce's clock where it told, ours else. */
  get now(): Date {
    return this.#transport.serverTime ?? this.#connection.now()
  }

  /** The first page, and how many rows there are. */
  async firstPage(select: Select): Promise<{ rows: Row[]; total: number; isAll: boolean }> {
    const { records, totalSize, done } = await this.#page(
      this.#jsforce.query(select.soql.text, options(select)),
    )
    return { rows: records, total: totalSize, isAll: done }
  }

  async rows(select: Select): Promise<Row[]> {
    return this.#following(await this.#page(this.#jsforce.query(select.soql.text, options(select))))
  }

  /** The rows of several queries, five a call. A query that fails gives its error. */
  async rowsOfEach(selects: Select[]): Promise<(Row[] | Error)[]> {
    const results: (Row[] | Error)[] = []
    for (let at = 0; at < selects.length; at += queriesAtOnce)
      results.push(...(await this.#composite(selects.slice(at, at + queriesAtOnce))))
    return results
  }

  /** @returns the id. */
  async create(type: string, values: object): Promise<string> {
    const result = await this.#jsforce.create(type, values)
    return this.#savedId(result)
  }

  async update(type: string, id: string, values: object): Promise<void> {
    await this.#jsforce.update(type, { Id: id, ...values })
  }

  /** By a unique external id: creates once, whatever is lost on the way. */
  async upsert(type: string, field: string, key: string, values: object): Promise<string> {
    const result = await this.#jsforce.requestPatch(
      `/sobjects/${type}/${field}/${encodeURIComponent(key)}`,
      values,
      { noContentResponse: null },
    )
    if (result !== null) return this.#savedId(result)
    // versions that answer an update with nothing
    const row = await this.#jsforce.requestGet<Row>(`/sobjects/${type}/${field}/${encodeURIComponent(key)}`)
    return this.#savedId({ id: row.Id })
  }

  describe(type: string): Promise<DescribeSObjectResult> {
    return this.#jsforce.describe(type)
  }

  /** Ids deleted in this time, those that left the recycle bin too. */
  async deletedIds(type: string, from: Date, to: Date): Promise<string[]> {
    const { deletedRecords } = await this.#jsforce.deleted(type, from, to)
    return (deletedRecords ?? []).map(({ id }) => asId(id)).filter((id) => id !== undefined)
  }

  async #composite(selects: Select[]): Promise<(Row[] | Error)[]> {
    const { compositeResponse } = await this.#jsforce.requestPost<{ compositeResponse?: unknown }>(
      '/composite',
      {
        compositeRequest: selects.map(({ soql, withDeleted }, at) => ({
          method: 'GET',
          referenceId: `q${at}`,
          url: `${this.#base}/${withDeleted ? 'queryAll' : 'query'}?q=${encodeURIComponent(soql.text)}`,
        })),
      },
    )
    const parts = (Array.isArray(compositeResponse) ? compositeResponse : []) as CompositePart[]
    return Promise.all(
      selects.map(async (_, at) => {
        const part = parts.find(({ referenceId }) => referenceId === `q${at}`)
        if (!part) throw new ProviderAnswerError('Salesforce left out a part of its answer.')
        if (part.httpStatusCode !== 200) return errorFrom(part.httpStatusCode, part.body, true)
        return this.#following(parsePage(part.body))
      }),
    )
  }

  get #base() {
    return `/services/data/v${this.#jsforce.version}`
  }

  async #page(page: PromiseLike<unknown>): Promise<Page> {
    return parsePage(await page)
  }

  /** Our own paging: jsforce's would stop at 10,000 without a word. */
  async #following(first: Page): Promise<Row[]> {
    const rows = [...first.records]
    for (let page = first; !page.done; ) {
      if (rows.length >= rowsAtMost) {
        this.#connection.log.warn(
          { rows: rows.length, total: page.totalSize },
          'Salesforce has more rows than are read',
        )
        break
      }
      if (!page.nextRecordsUrl?.startsWith('/services/data/'))
        throw new ProviderAnswerError('Salesforce says that there is more, but not where.')
      page = parsePage(await this.#jsforce.requestGet(page.nextRecordsUrl))
      rows.push(...page.records)
    }
    return rows
  }

  #savedId(result: unknown): string {
    const id = asId((result as { id?: unknown } | null)?.id)
    if (!id) throw new ProviderAnswerError('Salesforce saved a record without saying its id.')
    return id
  }
}

interface CompositePart {
  referenceId: string
  httpStatusCode: number
  body: unknown
}

interface Page {
  records: Row[]
  totalSize: number
  done: boolean
  nextRecordsUrl?: string
}

const options = ({ withDeleted = false }: Select) => ({ autoFetch: false, scanAll: withDeleted })

function parsePage(body: unknown): Page {
  const { records, totalSize, done, nextRecordsUrl } = (body ?? {}) as Record<string, unknown>
  if (!Array.isArray(records) || typeof done !== 'boolean')
    throw new ProviderAnswerError('Salesforce answered a query with something that is no list of records.')
  return {
    records,
    totalSize: Number(totalSize ?? records.length),
    done,
    nextRecordsUrl: typeof nextRecordsUrl === 'string' ? nextRecordsUrl : undefined,
  }
}

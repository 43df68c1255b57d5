import { describe } from './describe.ts'
import { ApiError, malformed } from './errors.ts'
import { instant, type Org, type Row } from './org.ts'
import { parseSoql } from './soql-parser.ts'
import { render, runQuery, visibleField, visibleType } from './soql-run.ts'
import { byExternalId, create, existing, remove, update } from './writes.ts'

/** One call of the REST API, or one part of a composite. */
export interface ApiCall {
  method: string
  /** Below `/services/data`, such as `/v67.0/query`. */
  path: string
  query: URLSearchParams
  headers: Headers
  body: unknown
}

export interface ApiAnswer {
  status: number
  body: unknown
}

/** https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_list.htm */
export class RestApi {
  /** Rows a page, at most; real orgs give up to 2,000. */
  pageSize: number
  readonly #org: Org
  readonly #cursors = new Map<string, Record<string, unknown>[]>()
  #limits: () => { used: number; allowed: number }

  constructor(org: Org, pageSize: number, limits: () => { used: number; allowed: number }) {
    this.#org = org
    this.pageSize = pageSize
    this.#limits = limits
  }

  /** Cursors that Salesforce keeps for a while only. */
  dropCursors() {
    this.#cursors.clear()
  }

  handle(call: ApiCall): ApiAnswer {
    try {
      return this.#route(call)
    } catch (error) {
      if (error instanceof ApiError) return { status: error.status, body: error.body }
      throw error
    }
  }

  #route(call: ApiCall): ApiAnswer {
    const [version = '', resource = '', ...rest] = call.path
      .split('/')
      .filter(Boolean)
      .map(decodeURIComponent)
    const number = Number(/^v(\d\d)\.0$/.exec(version)?.[1] ?? 0)
    if (number < 31 || number > 68)
      throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist')
    const { method } = call
    if (method === 'GET' && (resource === 'query' || resource === 'queryAll'))
      return rest[0]
        ? this.#nextPage(rest[0], version)
        : this.#query(call.query.get('q') ?? '', resource === 'queryAll', version, call.headers)
    if (resource === 'sobjects') return this.#records(call, rest, version)
    if (resource === 'composite' && method === 'POST' && rest.length === 0) return this.#composite(call)
    if (resource === 'limits' && method === 'GET') {
      const { used, allowed } = this.#limits()
      return {
        status: 200,
        body: { DailyApiRequests: { Max: allowed, Remaining: Math.max(0, allowed - used) } },
      }
    }
    throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist')
  }

  #query(soql: string, withDeleted: boolean, version: string, headers: Headers): ApiAnswer {
    if (!soql) throw malformed('unexpected token: <EOF>')
    const query = parseSoql(soql)
    const found = runQuery(this.#org, query, { withDeleted })
    if (query.fields === null)
      return { status: 200, body: { totalSize: found.length, done: true, records: [] } }
    const asked = Number(/batchSize=(\d+)/.exec(headers.get('sforce-query-options') ?? '')?.[1] ?? 2_000)
    const rows = found.map((row) => render(this.#org, query, row, version))
    return this.#page(rows, rows.length, Math.min(this.pageSize, asked), version)
  }

  #nextPage(locator: string, version: string): ApiAnswer {
    const rows = this.#cursors.get(locator)
    if (!rows) throw new ApiError(400, 'INVALID_QUERY_LOCATOR', 'invalid query locator')
    return this.#page(rows, rows.length, this.pageSize, version)
  }

  #page(rows: Record<string, unknown>[], total: number, size: number, version: string): ApiAnswer {
    const records = rows.slice(0, size)
    if (rows.length <= size) return { status: 200, body: { totalSize: total, done: true, records } }
    const locator = `01g${Math.random().toString(36).slice(2, 17).padEnd(15, '0')}-${size}`
    this.#cursors.set(locator, rows.slice(size))
    const nextRecordsUrl = `/services/data/${version}/query/${locator}`
    return { status: 200, body: { totalSize: total, done: false, nextRecordsUrl, records } }
  }

  #records(call: ApiCall, [type = '', id, value]: string[], version: string): ApiAnswer {
    const { method, query, headers } = call
    const org = this.#org
    if (id === undefined) {
      if (method !== 'POST')
        throw new ApiError(405, 'METHOD_NOT_ALLOWED', `HTTP Method '${method}' not allowed.`)
      return {
        status: 201,
        body: { id: create(org, type, valuesOf(call.body), headers).Id, success: true, errors: [] },
      }
    }
    if (method === 'GET' && id === 'describe') return { status: 200, body: describe(org, type) }
    if (method === 'GET' && (id === 'updated' || id === 'deleted')) return this.#replicated(type, id, query)
    if (value !== undefined) return this.#byExternalId(call, type, id, value, version)
    if (method === 'PATCH') {
      update(org, type, id, valuesOf(call.body))
      return { status: 204, body: null }
    }
    if (method === 'DELETE') {
      remove(org, type, id)
      return { status: 204, body: null }
    }
    const names = query.get('fields')?.split(',')
    return { status: 200, body: this.#record(type, existing(org, type, id).row, names, version) }
  }

  #record(type: string, row: Row, names: string[] | undefined, version: string) {
    const seen = describe(this.#org, type).fields.map(({ name }) => name)
    const fields = (names ?? seen).map((name) => [name])
    return render(this.#org, { fields, from: type, where: null, orderBy: [], limit: null }, row, version)
  }

  #byExternalId(call: ApiCall, name: string, fieldName: string, value: string, version: string): ApiAnswer {
    const { type, field, rows } = byExternalId(this.#org, name, fieldName, value)
    const [row, another] = rows
    if (another)
      return { status: 300, body: rows.map(({ Id }) => `/services/data/${version}/sobjects/${type}/${Id}`) }
    if (call.method === 'GET') {
      if (!row) throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist')
      return { status: 200, body: this.#record(type, row, undefined, version) }
    }
    const values = valuesOf(call.body)
    if (!row) {
      const made = create(this.#org, type, { ...values, [field.name]: value }, call.headers)
      return { status: 201, body: { id: made.Id, success: true, errors: [], created: true } }
    }
    update(this.#org, type, row.Id, values)
    return { status: 200, body: { id: row.Id, success: true, errors: [], created: false } }
  }

  /** Seconds are ignored; what is older than 30 (updated) or 15 (deleted) days is not told. */
  #replicated(name: string, what: 'updated' | 'deleted', query: URLSearchParams): ApiAnswer {
    const org = this.#org
    const type = visibleType(org, name)
    visibleField(org, type, 'SystemModstamp')
    const minute = (text: string | null) => Math.floor(Date.parse(text ?? '') / 60_000) * 60_000
    const [from, to] = [minute(query.get('start')), minute(query.get('end'))]
    const oldest = org.now().getTime() - (what === 'updated' ? 30 : 15) * 86_400_000
    if (!(from < to) || from < oldest)
      throw new ApiError(
        400,
        'INVALID_REPLICATION_DATE',
        'startDate before org replication enablement date or span too short',
      )
    const isWithin = (at: number) => at >= from && at < to
    const rows = [...org.rows(type).values()].filter((row) =>
      isWithin(Date.parse(String(row.SystemModstamp))),
    )
    const latestDateCovered = instant(new Date(to))
    if (what === 'updated') {
      const ids = rows.filter(({ IsDeleted }) => !IsDeleted).map(({ Id }) => Id)
      return { status: 200, body: { ids, latestDateCovered } }
    }
    const binned = rows
      .filter(({ IsDeleted }) => IsDeleted)
      .map(({ Id, SystemModstamp }) => ({ id: Id, deletedDate: SystemModstamp }))
    const purged = org.purged
      .filter(({ type: of, at }) => of === type && isWithin(at.getTime()))
      .map(({ id, at }) => ({ id, deletedDate: instant(at) }))
    const earliestDateAvailable = instant(new Date(oldest))
    return {
      status: 200,
      body: { deletedRecords: [...binned, ...purged], earliestDateAvailable, latestDateCovered },
    }
  }

  #composite(call: ApiCall): ApiAnswer {
    const parts = (call.body as { compositeRequest?: CompositePart[] } | null)?.compositeRequest
    if (!Array.isArray(parts) || parts.length === 0)
      throw new ApiError(400, 'JSON_PARSER_ERROR', 'compositeRequest is missing')
    const queries = parts.filter(({ url }) => /\/queryAll|\/query/.test(url))
    if (parts.length > 25 || queries.length > 5)
      throw new ApiError(400, 'LIMIT_EXCEEDED', 'The composite request has more subrequests than allowed')
    const compositeResponse = parts.map((part) => {
      const url = new URL(part.url, 'http://composite')
      const { status, body } = this.handle({
        method: part.method,
        path: url.pathname.replace('/services/data', ''),
        query: url.searchParams,
        headers: new Headers({ ...Object.fromEntries(call.headers), ...part.httpHeaders }),
        body: part.body ?? null,
      })
      return { body, httpHeaders: {}, httpStatusCode: status, referenceId: part.referenceId }
    })
    return { status: 200, body: { compositeResponse } }
  }
}

interface CompositePart {
  method: string
  url: string
  referenceId: string
  httpHeaders?: Record<string, string>
  body?: unknown
}

function valuesOf(body: unknown): Record<string, unknown> {
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw new ApiError(
      400,
      'JSON_PARSER_ERROR',
      'The HTTP entity body is required, but this request has no entity body.',
    )
  return body as Record<string, unknown>
}

import * as z from 'zod'
import type { Connection } from '../sdk/contract.ts'
import { ProviderAnswerError } from '../sdk/errors.ts'
import { generatedFor } from './generated.ts'
import type { ObjectType } from './object-types.ts'
import { duplicate, rejected } from './problems.ts'

/** A batch takes no more. */
export const batchSize = 100
export const pageSize = 100
export type Filter = { propertyName: string; operator: 'Eq' | 'Gt' | 'Gte'; value: string }

const Properties = z.record(z.string(), z.string().nullable())
const Found = z.object({
  id: z.string().regex(/^\d+$/),
  properties: Properties,
  updatedAt: z.date(),
  archivedAt: z.date().optional(),
  associations: z
    .record(z.string(), z.object({ results: z.array(z.object({ id: z.string(), type: z.string() })) }))
    .optional(),
})
export type HubSpotRecord = z.infer<typeof Found>
/** Milliseconds, by HubSpot's clock. */
export const modifiedAt = ({ properties, updatedAt }: HubSpotRecord): number => {
  const at = Date.parse(properties.lastmodifieddate ?? properties.hs_lastmodifieddate ?? '')
  return Number.isNaN(at) ? updatedAt.getTime() : at
}
const Paging = z.object({ next: z.object({ after: z.string() }).optional() }).optional()
const FoundPage = z.object({ results: z.array(Found), paging: Paging })
const Searched = FoundPage.extend({ total: z.number() })
const Failed = z.array(
  z.object({
    category: z.string().catch(''),
    message: z.string().catch(''),
    errors: z.array(z.object({ message: z.string().catch('') })).catch([]),
  }),
)
const Batch = z.object({ results: z.array(Found), errors: Failed.optional() })
const Associated = z.object({
  results: z.array(
    z.object({
      _from: z.object({ id: z.string() }),
      to: z.array(
        z.object({
          toObjectId: z.coerce.string(),
          associationTypes: z.array(z.object({ typeId: z.number() })),
        }),
      ),
      paging: Paging,
    }),
  ),
})
export const Owner = z.object({
  id: z.string(),
  email: z.string().optional(),
  firstName: z.string().optional(),
  lastName: z.string().optional(),
  type: z.enum(['PERSON', 'QUEUE']),
  archived: z.boolean(),
})
export type HubSpotOwner = z.infer<typeof Owner>
const OwnerPage = z.object({ results: z.array(Owner), paging: Paging })
const Property = z.object({
  name: z.string(),
  label: z.string(),
  type: z.string(),
  fieldType: z.string(),
  options: z
    .array(z.object({ value: z.string(), label: z.string(), hidden: z.boolean().catch(false) }))
    .catch([]),
  hidden: z.boolean().catch(false),
  calculated: z.boolean().catch(false),
  modificationMetadata: z.object({ readOnlyValue: z.boolean().catch(false) }).optional(),
})
export type HubSpotProperty = z.infer<typeof Property>

function parse<T>(schema: z.ZodType<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer)
  if (parsed.success) return parsed.data
  const { path, message } = parsed.error.issues[0] ?? { path: [], message: '' }
  throw new ProviderAnswerError(
    `HubSpot’s answer was not what it documents: ${path.join('.')}: ${message}.`,
    { cause: parsed.error },
  )
}

/** What the actions ask HubSpot, in and out of our own words. Every answer is parsed before it is used. */
export function clientFor(connection: Connection) {
  const generated = generatedFor(connection)
  const parts = () => generated
  return {
    /** @throws {RecordGoneError} */
    async get(
      type: ObjectType,
      id: string,
      ask: { properties: string[]; associations?: ObjectType[]; idProperty?: 'email' },
    ): Promise<HubSpotRecord> {
      const { objects } = await parts()
      return parse(
        Found,
        await objects.getById(type, id, ask.properties, undefined, ask.associations, false, ask.idProperty),
      )
    },

    /** A page in the order of their making. */
    async list(
      type: ObjectType,
      ask: { properties: string[]; associations?: ObjectType[]; archived?: boolean; after: string | null },
    ) {
      const { objects } = await parts()
      const { after, properties, associations, archived = false } = ask
      const page = await objects.getPage(
        type,
        pageSize,
        after ?? undefined,
        properties,
        undefined,
        associations,
        archived,
      )
      const { results, paging } = parse(FoundPage, page)
      return { records: results, after: paging?.next?.after ?? null }
    },

    /** Those that are there; the others are left out. An id that was merged away gives the one it was merged into. */
    async readMany(type: ObjectType, ids: string[], properties: string[]): Promise<HubSpotRecord[]> {
      const { batches } = await parts()
      const chunks = Array.from({ length: Math.ceil(ids.length / batchSize) }, (_, i) =>
        ids.slice(i * batchSize, (i + 1) * batchSize),
      )
      const read = await Promise.all(
        chunks.map(async (chunk) =>
          parse(
            Batch,
            await batches.read(
              type,
              { inputs: chunk.map((id) => ({ id })), properties, propertiesWithHistory: [] },
              false,
            ),
          ),
        ),
      )
      return read.flatMap(({ results, errors = [] }) => {
        const other = errors.find(({ category }) => category !== 'OBJECT_NOT_FOUND')
        if (other) throw batchError(other)
        return results
      })
    },

    async create(
      type: ObjectType,
      properties: Record<string, string>,
      to?: { id: string; typeId: number },
    ): Promise<HubSpotRecord> {
      const { objects, hubspotDefined } = await parts()
      // one request: an activity that belongs to nobody would be found by nobody
      const associations = to && [
        {
          to: { id: to.id },
          types: [{ associationCategory: hubspotDefined, associationTypeId: to.typeId }],
        },
      ]
      return parse(
        Found,
        await objects.create(type, { properties, ...(associations ? { associations } : {}) }),
      )
    },

    async update(type: ObjectType, id: string, properties: Record<string, string>): Promise<HubSpotRecord> {
      const { objects } = await parts()
      return parse(Found, await objects.update(type, id, { properties }))
    },

    async search(
      type: ObjectType,
      ask: { groups: Filter[][]; sort: string; properties: string[]; limit: number; after: string | null },
    ) {
      const { searches, operators } = await parts()
      const answer = await searches.doSearch(type, {
        filterGroups: ask.groups.map((filters) => ({
          filters: filters.map(({ operator, ...filter }) => ({ ...filter, operator: operators[operator] })),
        })),
        sorts: [ask.sort],
        properties: ask.properties,
        limit: ask.limit,
        // HubSpot’s own specification has all five required; its README says where to begin
        after: ask.after ?? '0',
      })
      const { results, total, paging } = parse(Searched, answer)
      return { records: results, total, after: paging?.next?.after ?? null }
    },

    /** What is associated with each of `from`, a page each. */
    async associated(from: ObjectType, to: ObjectType, inputs: { id: string; after?: string }[]) {
      const { associations } = await parts()
      const answer = await associations.getPage(from, to, { inputs })
      return parse(Associated, answer).results.map(({ _from, to: found, paging }) => ({
        id: _from.id,
        after: paging?.next?.after ?? null,
        to: found.map(({ toObjectId, associationTypes }) => ({
          id: toObjectId,
          typeIds: associationTypes.map(({ typeId }) => typeId),
        })),
      }))
    },

    async owner(id: string, archived: boolean): Promise<HubSpotOwner> {
      const { owners } = await parts()
      return parse(Owner, await owners.getById(Number(id), 'id', archived))
    },

    async owners(archived: boolean, after: string | null) {
      const { owners } = await parts()
      const page = await owners.getPage(undefined, after ?? undefined, pageSize, archived)
      const { results, paging } = parse(OwnerPage, page)
      return { owners: results, after: paging?.next?.after ?? null }
    },

    async properties(type: ObjectType): Promise<HubSpotProperty[]> {
      const { properties } = await parts()
      return parse(z.object({ results: z.array(Property) }), await properties.getAll(type, false)).results
    },
  }
}

/** One of a batch failed, and the batch says so with 207. */
function batchError(failed: z.infer<typeof Failed>[number]) {
  if (failed.category === 'CONFLICT') return duplicate(failed)
  return rejected({
    message: failed.message,
    errors: failed.errors.map(({ message }) => ({ message, context: {} })),
  })
}

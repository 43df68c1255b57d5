import { readFileSync } from 'node:fs'

interface Schema {
  $ref?: string
  type?: string
  enum?: string[]
  properties?: Record<string, Schema>
  additionalProperties?: Schema
  items?: Schema
  format?: string
}
type Parameter = Schema & { location: 'path' | 'query'; required?: boolean; repeated?: boolean }
interface Method {
  id: string
  path: string
  httpMethod: string
  parameters?: Record<string, Parameter>
  request?: { $ref: string }
  response?: { $ref: string }
}

/** Google's own, revision 20260708, but for its layout. Its client makes paths and parameters of it; what stands in masks, bodies and the stand-in's answers is ours. */
const discovery: {
  parameters: Record<string, Parameter>
  schemas: Record<string, Schema>
  resources: Record<string, { methods: Record<string, Method> }>
} = JSON.parse(readFileSync(new URL('calendar.v3.discovery.json', import.meta.url), 'utf8'))
const methods = Object.values(discovery.resources).flatMap((resource) => Object.values(resource.methods))

export interface Exchange {
  method: string
  url: URL
  /** Null: none. */
  body: unknown
  /** Of a success; null: it was none, or empty. */
  answer: unknown
}

/** What is wrong with a request and its answer, in words; whatever the document does not name is wrong. */
export function problemsOf({ method, url, body, answer }: Exchange): { id: string; problems: string[] } {
  const path = url.pathname.replace('/calendar/v3/', '')
  const known = methods.find((one) => one.httpMethod === method && templateOf(one).test(path))
  if (!known) return { id: `${method} ${path}`, problems: ['is not in the document'] }
  const response: Schema = known.response ?? {}
  const problems = [
    ...queryProblems(known, url.searchParams, response),
    ...(body === null ? [] : valueProblems(known.request ?? { properties: {} }, body, 'body')),
    ...(answer === null ? [] : valueProblems(response, answer, 'answer')),
  ]
  return { id: known.id, problems }
}

const templateOf = ({ path }: Method) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`)

function queryProblems({ parameters = {} }: Method, query: URLSearchParams, response: Schema): string[] {
  const all = { ...discovery.parameters, ...parameters }
  const missing = Object.entries(parameters)
    .filter(([name, { location, required }]) => location === 'query' && required && !query.has(name))
    .map(([name]) => `${name} is missing`)
  const wrong = [...query].flatMap(([name, text]) => {
    const parameter = all[name]
    if (parameter?.location !== 'query') return [`there is no ${name}`]
    if (name === 'fields') return maskProblems(response, text)
    return valueProblems(parameter, fromText(parameter, text), name)
  })
  return [...missing, ...wrong]
}

function fromText({ type }: Schema, text: string): unknown {
  if (type === 'integer') return /^-?\d+$/.test(text) ? Number(text) : text
  return type === 'boolean' && (text === 'true' || text === 'false') ? text === 'true' : text
}

/** `a,b(c,d(e))`: https://developers.google.com/workspace/calendar/api/guides/performance#partial */
function maskProblems(schema: Schema, mask: string): string[] {
  let rest = mask
  const list = (within: Schema, at: string): string[] => {
    const problems: string[] = []
    for (;;) {
      const name = /^\w+/.exec(rest)?.[0] ?? ''
      rest = rest.slice(name.length)
      const found = itemOf(itemOf(within).properties?.[name])
      if (!itemOf(within).properties?.[name]) problems.push(`the mask names ${at}${name}`)
      if (rest.startsWith('(')) {
        rest = rest.slice(1)
        problems.push(...list(found, `${at}${name}.`))
        if (!rest.startsWith(')')) problems.push(`the mask is not closed after ${at}${name}`)
        rest = rest.slice(1)
      }
      if (!rest.startsWith(',')) return problems
      rest = rest.slice(1)
    }
  }
  const problems = list(schema, '')
  return rest === '' ? problems : [...problems, `the mask ends in ${rest}`]
}

const resolved = (schema: Schema | undefined): Schema =>
  schema?.$ref ? (discovery.schemas[schema.$ref] ?? {}) : (schema ?? {})
const itemOf = (schema: Schema | undefined): Schema => {
  const found = resolved(schema)
  return found.items ? resolved(found.items) : found
}

function valueProblems(given: Schema, value: unknown, at: string): string[] {
  const schema = resolved(given)
  const { enum: allowed, properties, additionalProperties, items, format } = schema
  if (properties || additionalProperties) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at} is no object`]
    return Object.entries(value).flatMap(([name, one]) => {
      const of = properties?.[name] ?? additionalProperties
      return of ? valueProblems(of, one, `${at}.${name}`) : [`there is no ${at}.${name}`]
    })
  }
  if (items)
    return Array.isArray(value)
      ? value.flatMap((one, place) => valueProblems(items, one, `${at}[${place}]`))
      : [`${at} is no list`]
  const isOfType =
    schema.type === 'integer'
      ? Number.isInteger(value)
      : schema.type === undefined || typeof value === schema.type
  if (!isOfType) return [`${at} is no ${schema.type}`]
  if (allowed && !allowed.includes(String(value))) return [`${at} is ${value}`]
  const isInForm =
    format === 'date-time'
      ? /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(String(value))
      : format !== 'date' || /^\d{4}-\d\d-\d\d$/.test(String(value))
  return isInForm ? [] : [`${at} is no ${format}`]
}

import { readdirSync, readFileSync } from 'node:fs'
import type { LoggedRequest } from '#connectors/hubspot/stand-in/index.ts'
import { undated } from '#connectors/hubspot/stand-in/paths.ts'

interface Schema {
  $ref?: string
  type?: string
  enum?: unknown[]
  required?: string[]
  properties?: Record<string, Schema>
  additionalProperties?: Schema
  items?: Schema
  nullable?: boolean
  format?: string
}
interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[]
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}
interface Contract {
  file: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const folder = new URL('.', import.meta.url)
const contracts: Contract[] = readdirSync(folder)
  .filter((file) => file.endsWith('.openapi.json'))
  .map((file) => ({ file, ...JSON.parse(readFileSync(new URL(file, folder), 'utf8')) }))

/** Called by the connector, described at HubSpot, in none of the files: the account, and OAuth at its dated path. */
const elsewhere = ['/account-info/v3/details', '/oauth/token', '/oauth/token/revoke', '/oauth/authorize']

/** What is wrong with a request by the OpenAPI files, in words. Whatever a file does not name is wrong. */
export function problemsOf(request: Pick<LoggedRequest, 'method' | 'path' | 'query' | 'body'>): string[] {
  const path = undated(request.path)
  if (elsewhere.includes(path)) return []
  const found = contracts.flatMap((contract) => {
    const operation = operationOf(contract, request.method, path)
    return operation ? [{ contract, operation }] : []
  })
  if (found.length === 0) return [`${request.method} ${path} is in no contract`]
  return found.flatMap(({ contract, operation }) =>
    requestProblems(contract, operation, request).map(
      (p) => `${contract.file}: ${request.method} ${path}: ${p}`,
    ),
  )
}

/** What is wrong with an answer; more than is described may come, less may not. */
export function answerProblemsOf(method: string, path: string, status: number, body: unknown): string[] {
  return contracts.flatMap((contract) => {
    const operation = operationOf(contract, method, undated(path))
    if (!operation) return []
    const schema = (operation.responses[status] ?? operation.responses.default)?.content?.['application/json']
      ?.schema
    return schema ? valueProblems(contract, schema, body, 'answer', true) : []
  })
}

function operationOf({ paths }: Contract, method: string, path: string): Operation | null {
  const candidates = Object.entries(paths).filter(([template]) => matches(template, path))
  // a literal path is nearer than a pattern
  candidates.sort(([a], [b]) => a.split('{').length - b.split('{').length)
  return candidates[0]?.[1][method.toLowerCase()] ?? null
}

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')]
  return (
    wanted.length === given.length && wanted.every((part, i) => part.startsWith('{') || part === given[i])
  )
}

function requestProblems(
  contract: Contract,
  { parameters = [], requestBody }: Operation,
  { query, body, method }: Pick<LoggedRequest, 'query' | 'body' | 'method'>,
): string[] {
  const problems: string[] = []
  const known = parameters.filter((parameter) => parameter.in === 'query')
  for (const [name, value] of query) {
    const parameter = known.find((one) => one.name === name)
    if (!parameter) problems.push(`the query parameter ${name} is not described`)
    else if (parameter.schema.type === 'integer' && !/^\d+$/.test(value))
      problems.push(`${name} is no integer`)
    else if (parameter.schema.type === 'boolean' && !/^(true|false)$/.test(value))
      problems.push(`${name} is no boolean`)
    else if (parameter.schema.enum && !parameter.schema.enum.includes(value))
      problems.push(`${name}=${value} is not allowed`)
  }
  for (const { name, required } of known)
    if (required && !query.has(name)) problems.push(`the query parameter ${name} is missing`)
  const schema = requestBody?.content['application/json']?.schema
  if (schema) problems.push(...valueProblems(contract, schema, body, 'body', false))
  else if (method !== 'GET' && body !== '') problems.push('a body is sent where none is described')
  return problems
}

function valueProblems(
  contract: Contract,
  schema: Schema,
  value: unknown,
  at: string,
  mayHaveMore: boolean,
): string[] {
  if (schema.$ref) {
    const named = contract.components.schemas[schema.$ref.split('/').at(-1) ?? '']
    return named
      ? valueProblems(contract, named, value, at, mayHaveMore)
      : [`${at}: ${schema.$ref} is missing`]
  }
  if (value === null) return schema.nullable || mayHaveMore ? [] : [`${at} is null`]
  if (schema.enum && !schema.enum.includes(value)) return [`${at} is ${value}, none of ${schema.enum}`]
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' ? [] : [`${at} is no string: ${JSON.stringify(value)}`]
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${at} is no boolean`]
    case 'integer':
    case 'number':
      return typeof value === 'number' ? [] : [`${at} is no number`]
    case 'array':
      return Array.isArray(value)
        ? value.flatMap((item, i) =>
            valueProblems(contract, schema.items ?? {}, item, `${at}[${i}]`, mayHaveMore),
          )
        : [`${at} is no list`]
    case 'object':
      return objectProblems(contract, schema, value, at, mayHaveMore)
    default:
      return []
  }
}

function objectProblems(
  contract: Contract,
  { properties = {}, required = [], additionalProperties }: Schema,
  value: unknown,
  at: string,
  mayHaveMore: boolean,
): string[] {
  if (typeof value !== 'object' || Array.isArray(value)) return [`${at} is no object`]
  const given = Object.entries(value as object)
  const missing = required.filter((name) => !given.some(([key]) => key === name))
  return [
    ...missing.map((name) => `${at}.${name} is missing`),
    ...given.flatMap(([name, item]) => {
      const schema = properties[name] ?? additionalProperties
      if (schema) return valueProblems(contract, schema, item, `${at}.${name}`, mayHaveMore)
      return mayHaveMore ? [] : [`${at}.${name} is not described`]
    }),
  ]
}

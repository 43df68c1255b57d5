import { asId } from '../ids.ts'
import { ApiError, notFound } from './errors.ts'
import type { Org, Row, Value } from './org.ts'
import { visibleField, visibleType } from './soql-run.ts'

const refuse = (errorCode: string, message: string, fields: string[] = []) =>
  new ApiError(400, errorCode, message, { fields })

/** @throws {ApiError} */
export function create(org: Org, name: string, values: Record<string, unknown>, headers: Headers): Row {
  const type = visibleType(org, name)
  const checked = checkValues(org, type, values)
  const missing = [...(org.schema.object(type)?.fields.values() ?? [])]
    .filter((field) => field.required && (checked[field.name] ?? null) === null)
    .map((field) => field.name)
  if (missing.length > 0)
    throw refuse('REQUIRED_FIELD_MISSING', `Required fields are missing: [${missing.join(', ')}]`, missing)
  if (type === 'Event' && !checked.StartDateTime && !checked.ActivityDateTime && !checked.ActivityDate)
    throw refuse('REQUIRED_FIELD_MISSING', 'Required fields are missing: [StartDateTime]', ['StartDateTime'])
  if (type === 'Event' && !checked.EndDateTime && !checked.DurationInMinutes)
    throw refuse('REQUIRED_FIELD_MISSING', 'Required fields are missing: [EndDateTime]', ['EndDateTime'])
  checkRecord(org, type, checked, null)
  checkDuplicates(org, type, checked, headers)
  return org.insert(type, checked)
}

/** @throws {ApiError} */
export function update(org: Org, name: string, id: string, values: Record<string, unknown>): Row {
  const { type, row } = existing(org, name, id)
  const checked = checkValues(org, type, values)
  if (type === 'Lead' && row.IsConverted)
    throw refuse('CANNOT_UPDATE_CONVERTED_LEAD', 'cannot reference converted lead')
  const led = ['FirstName', 'LastName', 'Email', 'Title', 'Name'].filter((field) => field in checked)
  if (type === 'Contact' && row.IsPersonAccount && led.length > 0)
    throw refuse(
      'INVALID_FIELD_FOR_INSERT_UPDATE',
      `Unable to create/update fields: ${led.join(', ')}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.`,
      led,
    )
  checkRecord(org, type, { ...row, ...checked }, row.Id)
  return org.update(row.Id, checked)
}

/** @throws {ApiError} */
export function remove(org: Org, name: string, id: string) {
  org.delete(existing(org, name, id).row.Id)
}

/** @throws {ApiError} NOT_FOUND, ENTITY_IS_DELETED, MALFORMED_ID */
export function existing(org: Org, name: string, id: string): { type: string; row: Row } {
  const type = visibleType(org, name)
  if (!asId(id)) throw refuse('MALFORMED_ID', `${type} ID: id value of incorrect type: ${id}`, ['Id'])
  const row = org.find(id, type)
  if (!row) throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist')
  if (row.IsDeleted) throw new ApiError(404, 'ENTITY_IS_DELETED', 'entity is deleted')
  if (org.locked.has(row.Id))
    throw refuse(
      'UNABLE_TO_LOCK_ROW',
      `unable to obtain exclusive access to this record or 1 records: ${row.Id}`,
    )
  return { type, row }
}

/** Rows with this value in a field that an admin made an external id. @throws {ApiError} */
export function byExternalId(org: Org, name: string, fieldName: string, value: string) {
  const type = visibleType(org, name)
  const field = visibleField(org, type, fieldName)
  if (!field.externalId) throw notFound()
  const rows = [...org.rows(type).values()].filter(
    (row) => !row.IsDeleted && String(row[field.name] ?? '').toLowerCase() === value.toLowerCase(),
  )
  return { type, field, rows }
}

function checkValues(org: Org, type: string, values: Record<string, unknown>): Record<string, Value> {
  const checked: Record<string, Value> = {}
  for (const [name, value] of Object.entries(values)) {
    if (name === 'attributes') continue
    const field = visibleField(org, type, name)
    if (field.readOnly || field.name === 'Id' || org.readOnly.has(`${type}.${field.name}`))
      throw refuse(
        'INVALID_FIELD_FOR_INSERT_UPDATE',
        `Unable to create/update fields: ${field.name}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.`,
        [field.name],
      )
    if (value !== null && typeof value === 'object')
      throw new ApiError(400, 'JSON_PARSER_ERROR', `Cannot deserialize instance of ${field.type}`)
    const kept = (value ?? null) as Value
    if (typeof kept === 'string' && field.length > 0 && kept.length > field.length)
      throw refuse(
        'STRING_TOO_LONG',
        `${field.label}: data value too large: ${kept.slice(0, 40)} (max length=${field.length})`,
        [field.name],
      )
    if (field.type === 'email' && kept && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(String(kept)))
      throw refuse('INVALID_EMAIL_ADDRESS', `${field.label}: invalid email address: ${kept}`, [field.name])
    if (field.name === 'TaskSubtype' && kept && !field.values.includes(String(kept)))
      throw refuse(
        'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
        `bad value for restricted picklist field: ${kept}`,
        [field.name],
      )
    if (field.type === 'reference' && kept) checkReference(org, field.referenceTo, field.name, String(kept))
    checked[field.name] = kept
  }
  return checked
}

function checkReference(org: Org, types: string[], name: string, id: string) {
  const target = org.find(id)
  if (!target || target.IsDeleted || !types.includes(org.schema.typeOf(id) ?? ''))
    throw refuse('INVALID_CROSS_REFERENCE_KEY', `invalid cross reference id`, [name])
  if (name === 'OwnerId' && org.schema.typeOf(id) === 'User' && !target.IsActive)
    throw refuse('INACTIVE_OWNER_OR_USER', `operation performed with inactive user [${id}]`, ['OwnerId'])
}

function checkRecord(org: Org, type: string, row: Record<string, Value>, id: string | null) {
  if (row.WhoId && row.WhatId && org.schema.typeOf(String(row.WhoId)) === 'Lead')
    throw refuse(
      'FIELD_INTEGRITY_EXCEPTION',
      'A lead cannot be associated with a related record. Remove the related record (WhatId).',
      ['WhatId'],
    )
  for (const rule of org.validationRules) {
    const reason = rule(type, row)
    if (reason) throw refuse('FIELD_CUSTOM_VALIDATION_EXCEPTION', reason)
  }
  for (const field of org.schema.object(type)?.fields.values() ?? []) {
    const value = row[field.name]
    if (!field.externalId || value === null || value === undefined) continue
    for (const other of org.rows(type).values())
      if (other.Id !== id && !other.IsDeleted && other[field.name] === value)
        throw refuse(
          'DUPLICATE_VALUE',
          `duplicate value found: ${field.name} duplicates value on record with id: ${other.Id}`,
        )
  }
}

const isAlike = (one: Record<string, Value>, other: Record<string, Value>, fields: string[]) =>
  fields.every(
    (field) => one[field] && String(one[field]).toLowerCase() === String(other[field]).toLowerCase(),
  )

/** Finds more than who has the address: the standard rules compare names, too, and among leads and contacts alike.
 *  https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_header_duplicaterule.htm */
function checkDuplicates(org: Org, type: string, row: Record<string, Value>, headers: Headers) {
  if (org.duplicateRule === 'off' || (type !== 'Lead' && type !== 'Contact') || !row.Email) return
  if (/allowSave\s*=\s*true/i.test(headers.get('sforce-duplicate-rule-header') ?? '')) return
  const matches = ['Contact', 'Lead'].flatMap((kind) =>
    [...org.rows(kind).values()]
      .filter(
        (other) =>
          !other.IsDeleted &&
          !other.IsConverted &&
          (isAlike(other, row, ['Email']) || isAlike(other, row, ['FirstName', 'LastName'])),
      )
      .map((other) => ({ kind, id: other.Id })),
  )
  if (matches.length === 0) return
  const matchResults = ['Contact', 'Lead'].map((kind) => {
    const found = matches.filter((match) => match.kind === kind)
    return {
      entityType: kind,
      errors: [],
      matchEngine: 'FuzzyMatchEngine',
      matchRecords: found.map(({ id }) => ({
        additionalInformation: [],
        fieldDiffs: [],
        matchConfidence: 100,
        record: { attributes: { type: kind, url: `/services/data/v67.0/sobjects/${kind}/${id}` }, Id: id },
      })),
      rule: `Standard_${kind}_Match_Rule_v1_0`,
      size: found.length,
      success: true,
    }
  })
  throw new ApiError(400, 'DUPLICATES_DETECTED', 'Use one of these records?', {
    more: {
      duplicateResut: {
        allowSave: false,
        duplicateRule: `Standard_${type}_Duplicate_Rule`,
        duplicateRuleEntityType: type,
        errorMessage: 'Use one of these records?',
        matchResults: matchResults.filter(({ size }) => size > 0),
      },
    },
  })
}

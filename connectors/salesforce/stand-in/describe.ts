import type { Org } from './org.ts'
import type { StandInField } from './schema.ts'
import { visibleType } from './soql-run.ts'

/** As the describe resource lists a type: hidden fields are left out. @throws {ApiError} */
export function describe(org: Org, name: string) {
  const type = visibleType(org, name)
  const object = org.schema.object(type)
  const fields = [...(object?.fields.values() ?? [])].filter(({ name }) => !org.hidden.has(`${type}.${name}`))
  return {
    name: type,
    label: object?.label,
    keyPrefix: object?.prefix,
    custom: false,
    queryable: true,
    createable: !['User', 'Organization', 'Group'].includes(type),
    updateable: !['User', 'Organization', 'Group'].includes(type),
    fields: fields.map((field) => describeField(field, org.readOnly.has(`${type}.${field.name}`))),
  }
}

function describeField(field: StandInField, isReadOnly: boolean) {
  const mayWrite = !field.readOnly && !isReadOnly && field.type !== 'id'
  return {
    name: field.name,
    label: field.label,
    type: field.type,
    length: field.length,
    nillable: field.nillable || (!field.required && field.type !== 'id'),
    createable: mayWrite,
    updateable: mayWrite,
    defaultedOnCreate: field.type === 'boolean' || ['Status', 'Priority', 'OwnerId'].includes(field.name),
    custom: field.name.endsWith('__c'),
    externalId: field.externalId,
    unique: field.externalId,
    filterable: field.type !== 'textarea',
    sortable: field.type !== 'textarea',
    referenceTo: field.referenceTo,
    relationshipName: field.relationshipName,
    picklistValues: field.values.map((value) => ({
      value,
      label: value,
      active: true,
      defaultValue: false,
      validFor: null,
    })),
    restrictedPicklist: field.name === 'TaskSubtype',
  }
}

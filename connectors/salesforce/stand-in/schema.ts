import { personAccountFields, picklists, standardObjects } from './objects.ts'

export interface StandInField {
  name: string
  label: string
  type: string
  length: number
  nillable: boolean
  readOnly: boolean
  referenceTo: string[]
  /** `Owner` of `OwnerId`. */
  relationshipName: string | null
  values: string[]
  /** Unique, and good for upserts. */
  externalId: boolean
  /** An admin made the page ask for it. */
  required: boolean
}

export interface StandInObject {
  name: string
  label: string
  prefix: string
  fields: Map<string, StandInField>
}

/** What one org's objects look like: the standard ones, plus what its admin added. */
export class Schema {
  readonly objects = new Map<string, StandInObject>()

  constructor({ personAccounts = false, sharedActivities = false } = {}) {
    for (const [name, { prefix, label, fields }] of Object.entries(standardObjects)) {
      // there only with "Shared Activities"
      if (name === 'TaskRelation' && !sharedActivities) continue
      const text = personAccounts ? `${fields} ${personAccountFields[name] ?? ''}` : fields
      const parsed = text
        .trim()
        .split(/\s+/)
        .map((field) => parseField(name, field))
      this.objects.set(name, {
        name,
        label,
        prefix,
        fields: new Map(parsed.map((field) => [field.name.toLowerCase(), field])),
      })
    }
  }

  object(name: string): StandInObject | undefined {
    const exact = this.objects.get(name)
    if (exact) return exact
    for (const object of this.objects.values())
      if (object.name.toLowerCase() === name.toLowerCase()) return object
    return undefined
  }

  /** The type of record an id names. */
  typeOf(id: string): string | null {
    for (const object of this.objects.values()) if (id.startsWith(object.prefix)) return object.name
    return null
  }

  /** As an admin adds one under Setup: `addField('Task', 'Foyer_Key__c:string(255)?', { externalId: true })`. */
  addField(type: string, text: string, options: Partial<StandInField> = {}) {
    const field = { ...parseField(type, text), ...options }
    this.objects.get(type)?.fields.set(field.name.toLowerCase(), field)
  }
}

function parseField(object: string, text: string): StandInField {
  const [, name = '', type = '', length = '0', flags = '', references = ''] =
    /^(\w+):(\w+)(?:\((\d+)\))?([?!]*)(?:>(.*))?$/.exec(text) ?? []
  return {
    name,
    label: name
      .replace(/Id$/, '')
      .replace(/__c$/, '')
      .replaceAll('_', ' ')
      .replace(/([a-z])([A-Z])/g, '$1 $2'),
    type: type === 'id' ? 'id' : type,
    length: Number(length) || (type === 'string' || type === 'picklist' ? 255 : 0),
    nillable: flags.includes('?'),
    readOnly: flags.includes('!'),
    referenceTo: references ? references.split(',') : [],
    relationshipName: type === 'reference' ? name.replace(/__c$/, '__r').replace(/Id$/, '') : null,
    values: picklists[`${object}.${name}`] ?? [],
    externalId: false,
    required: requiredToCreate[object]?.includes(name) ?? false,
  }
}

const requiredToCreate: Record<string, string[]> = {
  Lead: ['LastName', 'Company'],
  Contact: ['LastName'],
  Account: ['Name'],
  Campaign: ['Name'],
  CampaignMember: ['CampaignId'],
  EmailMessageRelation: ['EmailMessageId', 'RelationType'],
  EventRelation: ['EventId', 'RelationId'],
  TaskRelation: ['TaskId', 'RelationId'],
  Note: ['ParentId', 'Title'],
}

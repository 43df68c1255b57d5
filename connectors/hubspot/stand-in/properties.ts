import type { ObjectType } from '../object-types.ts'

export interface PropertyDefinition {
  name: string
  label: string
  type: 'string' | 'number' | 'datetime' | 'enumeration' | 'bool'
  fieldType: string
  options: { label: string; value: string; displayOrder: number; hidden: boolean }[]
  readOnly: boolean
  maxLength: number | null
}

/** HubSpot's own stages, in the order in which a contact moves. */
export const lifecycleStages = {
  subscriber: 'Subscriber',
  lead: 'Lead',
  marketingqualifiedlead: 'Marketing Qualified Lead',
  salesqualifiedlead: 'Sales Qualified Lead',
  opportunity: 'Opportunity',
  customer: 'Customer',
  evangelist: 'Evangelist',
  other: 'Other',
}

const noteBodyLimit = 65_536

const text = (name: string, label: string, maxLength: number | null = null): PropertyDefinition => ({
  name,
  label,
  type: 'string',
  fieldType: 'text',
  options: [],
  readOnly: false,
  maxLength,
})
const computed = (
  name: string,
  label: string,
  type: PropertyDefinition['type'] = 'string',
): PropertyDefinition => ({ ...text(name, label), type, readOnly: true })
const time = (name: string, label: string): PropertyDefinition => ({
  ...text(name, label),
  type: 'datetime',
  fieldType: 'date',
})
const choice = (name: string, label: string, options: Record<string, string>): PropertyDefinition => ({
  ...text(name, label),
  type: 'enumeration',
  fieldType: 'select',
  options: Object.entries(options).map(([value, optionLabel], displayOrder) => ({
    value,
    label: optionLabel,
    displayOrder,
    hidden: false,
  })),
})
const owner = { ...choice('hubspot_owner_id', 'Owner', {}), fieldType: 'select' }
const same = (...values: string[]) => Object.fromEntries(values.map((value) => [value, value]))

const everyEngagement = [
  time('hs_timestamp', 'Activity date'),
  owner,
  computed('hs_createdate', 'Create date', 'datetime'),
  computed('hs_lastmodifieddate', 'Last modified date', 'datetime'),
  computed('hs_object_id', 'Record ID', 'number'),
]

const definitions: Record<ObjectType, PropertyDefinition[]> = {
  contacts: [
    text('firstname', 'First Name'),
    text('lastname', 'Last Name'),
    text('email', 'Email'),
    text('jobtitle', 'Job Title'),
    text('phone', 'Phone Number'),
    text('mobilephone', 'Mobile Phone Number'),
    text('company', 'Company Name'),
    text('website', 'Website URL'),
    text('city', 'City'),
    text('country', 'Country/Region'),
    choice('lifecyclestage', 'Lifecycle Stage', lifecycleStages),
    choice('hs_lead_status', 'Lead Status', {
      NEW: 'New',
      OPEN: 'Open',
      IN_PROGRESS: 'In Progress',
      CONNECTED: 'Connected',
      BAD_TIMING: 'Bad Timing',
    }),
    choice('lead_source', 'Lead source', { website_chat: 'Website chat', event: 'Event' }),
    owner,
    computed('hs_additional_emails', 'Additional email addresses'),
    computed('hs_merged_object_ids', 'Merged record IDs'),
    computed('associatedcompanyid', 'Primary Associated Company ID', 'number'),
    computed('createdate', 'Create Date', 'datetime'),
    computed('lastmodifieddate', 'Last Modified Date', 'datetime'),
    computed('notes_last_updated', 'Last Activity Date', 'datetime'),
    computed('hs_object_id', 'Record ID', 'number'),
    computed('recent_conversion_date', 'Recent Conversion Date', 'datetime'),
    computed('recent_conversion_event_name', 'Recent Conversion'),
    computed('first_conversion_date', 'First Conversion Date', 'datetime'),
    computed('first_conversion_event_name', 'First Conversion'),
    computed('hs_email_last_email_name', 'Last marketing email name'),
    computed('hs_email_last_send_date', 'Last marketing email send date', 'datetime'),
  ],
  companies: [
    text('name', 'Company name'),
    text('domain', 'Company Domain Name'),
    text('phone', 'Phone Number'),
    owner,
    computed('createdate', 'Create Date', 'datetime'),
    computed('hs_lastmodifieddate', 'Last Modified Date', 'datetime'),
    computed('hs_object_id', 'Record ID', 'number'),
  ],
  notes: [text('hs_note_body', 'Note body', noteBodyLimit), ...everyEngagement],
  calls: [
    text('hs_call_title', 'Call Title'),
    text('hs_call_body', 'Call notes', noteBodyLimit),
    choice('hs_call_direction', 'Call direction', same('INBOUND', 'OUTBOUND')),
    text('hs_call_duration', 'Call duration'),
    ...everyEngagement,
  ],
  emails: [
    text('hs_email_subject', 'Email subject'),
    text('hs_email_text', 'Text body'),
    text('hs_email_html', 'Email body'),
    text('hs_email_message_id', 'Email message ID'),
    choice('hs_email_direction', 'Email Direction', same('EMAIL', 'INCOMING_EMAIL', 'FORWARDED_EMAIL')),
    ...everyEngagement,
  ],
  meetings: [
    text('hs_meeting_title', 'Meeting name'),
    text('hs_meeting_body', 'Meeting description', noteBodyLimit),
    time('hs_meeting_start_time', 'Meeting start time'),
    time('hs_meeting_end_time', 'Meeting end time'),
    text('hs_meeting_location', 'Meeting location'),
    text('hs_meeting_external_url', 'External URL'),
    choice('hs_meeting_outcome', 'Meeting outcome', {
      SCHEDULED: 'Scheduled',
      COMPLETED: 'Completed',
      RESCHEDULED: 'Rescheduled',
      NO_SHOW: 'No show',
      CANCELED: 'Canceled',
    }),
    ...everyEngagement,
  ],
  tasks: [
    text('hs_task_subject', 'Task Title'),
    text('hs_task_body', 'Task notes', noteBodyLimit),
    choice('hs_task_status', 'Task status', same('NOT_STARTED', 'IN_PROGRESS', 'WAITING', 'COMPLETED')),
    ...everyEngagement,
  ],
}

export const propertiesOf = (type: ObjectType): PropertyDefinition[] => definitions[type]

const byName = new Map(
  Object.entries(definitions).flatMap(([type, all]) =>
    all.map((one) => [`${type}/${one.name}`, one] as const),
  ),
)

export const definitionOf = (type: ObjectType, name: string): PropertyDefinition | undefined =>
  byName.get(`${type}/${name}`)

/** What comes without being asked for. */
export const alwaysGiven: Record<ObjectType, string[]> = {
  contacts: ['createdate', 'email', 'firstname', 'hs_object_id', 'lastmodifieddate', 'lastname'],
  companies: ['createdate', 'domain', 'hs_lastmodifieddate', 'hs_object_id', 'name'],
  notes: ['hs_createdate', 'hs_lastmodifieddate', 'hs_object_id'],
  calls: ['hs_createdate', 'hs_lastmodifieddate', 'hs_object_id'],
  emails: ['hs_createdate', 'hs_lastmodifieddate', 'hs_object_id'],
  meetings: ['hs_createdate', 'hs_lastmodifieddate', 'hs_object_id'],
  tasks: ['hs_createdate', 'hs_lastmodifieddate', 'hs_object_id'],
}

/** As the properties API shows one. */
export const shownProperty = ({ name, label, type, fieldType, options, readOnly }: PropertyDefinition) => ({
  name,
  label,
  type,
  fieldType,
  description: '',
  groupName: 'standin',
  options,
  hidden: false,
  calculated: false,
  hasUniqueValue: name === 'email',
  hubspotDefined: true,
  formField: !readOnly,
  modificationMetadata: { archivable: false, readOnlyDefinition: true, readOnlyValue: readOnly },
})

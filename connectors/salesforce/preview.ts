import type { CrmDescription, CrmWrite, FieldMapping } from '../sdk/crm.ts'
import { valuesOf } from './create-person.ts'
import { taskOf } from './log-conversation.ts'
import type { Entry } from './log-entry.ts'
import { eventOf } from './log-meeting.ts'
import { mappedValues } from './write-values.ts'

/** What would be sent, by the names that people see in Salesforce. */
export function previewOf(write: CrmWrite, mapping: FieldMapping, description: CrmDescription | null) {
  switch (write.type) {
    case 'createPerson':
      return {
        record: `New ${write.person.type.toLowerCase()}`,
        values: valuesOf(write.person, { mapping }).map(labelledOn(write.person.type, description)),
      }
    case 'updatePerson': {
      const { ref, change } = write
      const labelled = labelledOn(ref.type, description)
      const empty = mappedValues(ref.type, change.onlyEmpty, mapping).map(labelled)
      return {
        record: ref.type,
        values: [
          ...mappedValues(ref.type, change.values, mapping).map(labelled),
          ...empty.map(({ field, value }) => ({ field: `${field} (if empty)`, value })),
        ],
      }
    }
    case 'logConversation':
      return previewOfEntry('Task', taskOf(write.conversation), description)
    case 'logMeeting':
      return previewOfEntry('Event', eventOf(write.meeting), description)
    default:
      return write satisfies never
  }
}

const previewOfEntry = (record: string, { subject, values }: Entry, description: CrmDescription | null) => ({
  record,
  values: Object.entries({ Subject: subject, ...values })
    .map(([field, value]) => ({ field, value: String(value) }))
    .map(labelledOn(record, description)),
})

const labelledOn =
  (type: string, description: CrmDescription | null) =>
  ({ field, value }: { field: string; value: string }) => {
    const known = description?.types[type]?.fields.find(({ name }) => name === field)
    return {
      field: known?.label ?? labelOf(field),
      value: known?.options?.find((option) => option.value === value)?.label ?? value,
    }
  }

/** `LeadSource` is "Lead Source" on the page, `Tier__c` "Tier". */
const labelOf = (field: string): string =>
  known[field] ??
  field
    .replace(/__c$/, '')
    .replaceAll('_', ' ')
    .replace(/([a-z])([A-Z])/g, '$1 $2')

const known: Record<string, string> = {
  OwnerId: 'Owner ID',
  ActivityDate: 'Due Date',
  Description: 'Comments',
  StartDateTime: 'Start',
  EndDateTime: 'End',
  ShowAs: 'Show Time As',
}

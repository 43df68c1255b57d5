import type { CrmWrite, FieldMapping } from '../sdk/crm.ts'
import { valuesOf } from './create-person.ts'
import { taskOf } from './log-conversation.ts'
import type { Entry } from './log-entry.ts'
import { eventOf } from './log-meeting.ts'
import { mappedValues } from './write-values.ts'

/** What would be sent, by the names that people see in Salesforce. */
export function previewOf(write: CrmWrite, mapping: FieldMapping) {
  switch (write.type) {
    case 'createPerson':
      return {
        record: `New ${write.person.type.toLowerCase()}`,
        values: valuesOf(write.person, { mapping }).map(labelled),
      }
    case 'updatePerson': {
      const { ref, change } = write
      const empty = mappedValues(ref.type, change.onlyEmpty, mapping)
      return {
        record: ref.type,
        values: [
          ...mappedValues(ref.type, change.values, mapping).map(labelled),
          ...empty.map(({ field, value }) => ({ field: `${labelOf(field)} (if empty)`, value })),
        ],
      }
    }
    case 'logConversation':
      return previewOfEntry('Task', taskOf(write.conversation))
    case 'logMeeting':
      return previewOfEntry('Event', eventOf(write.meeting))
    default:
      return write satisfies never
  }
}

const previewOfEntry = (record: string, { subject, values }: Entry) => ({
  record,
  values: Object.entries({ Subject: subject, ...values }).map(([field, value]) =>
    labelled({ field, value: String(value) }),
  ),
})

const labelled = ({ field, value }: { field: string; value: string }) => ({ field: labelOf(field), value })

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

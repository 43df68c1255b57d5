import type { CrmDescription, CrmWrite, FieldMapping } from '../sdk/crm.ts'
import { newProperties } from './create-person.ts'
import { plainText } from './html.ts'
import { noteProperties } from './log-conversation.ts'
import { meetingProperties } from './log-meeting.ts'
import { contactType, propertiesToWrite } from './mapping.ts'

type Preview = { record: string; values: { field: string; value: string }[] }

/** What would be sent, by the names that people see in HubSpot, HTML as it reads. */
export function previewOf(
  write: CrmWrite,
  mapping: FieldMapping,
  description: CrmDescription | null,
): Preview {
  // a value that would be refused is shown all the same
  const crm = { mapping, description: null }
  const shown = (properties: Record<string, string>) =>
    Object.entries(properties).map(([name, value]) => inWords(name, value, description))
  switch (write.type) {
    case 'createPerson':
      return { record: 'New contact', values: shown(newProperties(write.person, crm)) }
    case 'updatePerson': {
      const { values, onlyEmpty } = write.change
      return {
        record: `Contact ${write.ref.id}`,
        values: [
          ...shown(propertiesToWrite(values, crm)),
          ...shown(propertiesToWrite(onlyEmpty, crm)).map(({ field, value }) => ({
            field: `${field} (only if empty)`,
            value,
          })),
        ],
      }
    }
    case 'logConversation':
      return { record: 'Note on the contact', values: shown(noteProperties(write.conversation)) }
    case 'logMeeting':
      return { record: 'Meeting with the contact', values: shown(meetingProperties(write.meeting)) }
    default: {
      const unknown: never = write
      throw new TypeError(`There is no write ${JSON.stringify(unknown)}`)
    }
  }
}

function inWords(name: string, value: string, description: CrmDescription | null) {
  const known = description?.types[contactType]?.fields.find((field) => field.name === name)
  const label = known?.options?.find((option) => option.value === value)?.label
  return {
    field: known?.label ?? labels[name] ?? name,
    value: label ?? (name.endsWith('_body') ? plainText(value) : value),
  }
}

/** As HubSpot delivers them: of what no description of contacts tells, and until one is there. */
const labels: Record<string, string> = {
  firstname: 'First name',
  lastname: 'Last name',
  email: 'Email',
  phone: 'Phone number',
  jobtitle: 'Job title',
  company: 'Company name',
  lifecyclestage: 'Lifecycle stage',
  hubspot_owner_id: 'Contact owner',
  hs_timestamp: 'Activity date',
  hs_note_body: 'Note body',
  hs_meeting_title: 'Meeting name',
  hs_meeting_body: 'Meeting description',
  hs_meeting_start_time: 'Meeting start time',
  hs_meeting_end_time: 'Meeting end time',
  hs_meeting_outcome: 'Meeting outcome',
  hs_meeting_external_url: 'Meeting link',
  hs_meeting_location: 'Meeting location',
}

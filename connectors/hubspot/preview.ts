import type { CrmWrite, FieldMapping } from '../sdk/crm.ts'
import { newProperties } from './create-person.ts'
import { plainText } from './html.ts'
import { noteProperties } from './log-conversation.ts'
import { meetingProperties } from './log-meeting.ts'
import { propertiesToWrite } from './mapping.ts'

type Preview = { record: string; values: { field: string; value: string }[] }

/** What would be sent, for people: the very properties, HTML as it reads. */
export function previewOf(write: CrmWrite, mapping: FieldMapping): Preview {
  const crm = { mapping, description: null }
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

const shown = (properties: Record<string, string>) =>
  Object.entries(properties).map(([field, value]) => ({
    field,
    value: field.endsWith('_body') ? plainText(value) : value,
  }))

import { defineConnector } from '../sdk/contract.ts'
import { activities } from './activities.ts'
import { allPeople } from './all-people.ts'
import { changes } from './changes.ts'
import { createPerson } from './create-person.ts'
import { describe } from './describe.ts'
import { findPerson } from './find-person.ts'
import { identify } from './identify.ts'
import { logConversation } from './log-conversation.ts'
import { logMeeting } from './log-meeting.ts'
import { contactType, initialMapping } from './mapping.ts'
import { oauth } from './oauth.ts'
import { owners } from './owners.ts'
import { previewOf } from './preview.ts'
import { readPerson } from './read-person.ts'
import { staleHistories } from './stale-histories.ts'
import { accountLimit, apiOrigin, searchLimit, signInOrigin, usage } from './transport.ts'
import { updatePerson } from './update-person.ts'
import { apiVersions } from './versions.ts'
import { webhooks } from './webhooks.ts'

export const hubspot = defineConnector({
  id: 'hubspot',
  name: 'HubSpot',
  auth: oauth,
  settings: [
    {
      key: 'apiVersion',
      label: 'API version',
      help: 'v3 works until HubSpot ends it: associations on 30 March 2027, the rest in September 2027. 2026-09 also applies your account’s own validation rules to what Foyer writes.',
      kind: 'choice',
      options: apiVersions.map((version) => ({ value: version, label: version })),
      required: true,
      initial: 'v3',
    },
  ],
  origins: (connection) => [apiOrigin(connection), signInOrigin(connection)],
  // https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
  limits: {
    [accountLimit]: { requests: 110, perMs: 10_000, reserve: 0.2, concurrent: 20 },
    // of the whole account, whoever searches, and outside the ten-second budget
    [searchLimit]: { requests: 5, perMs: 1_000, reserve: 0.2, concurrent: 2 },
  },
  usage,
  identify,
  crm: {
    personTypes: [{ type: contactType, label: 'Contact' }],
    mapping: initialMapping,
    activityKinds: ['email', 'call', 'task', 'meeting', 'note', 'campaign', 'form'],
    describe,
    owners,
    findPerson,
    readPerson,
    activities,
    allPeople,
    changes,
    staleHistories,
    createPerson,
    updatePerson,
    logConversation,
    logMeeting,
    previewOf,
    webhooks,
  },
})

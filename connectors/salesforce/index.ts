import { defineConnector } from '../sdk/contract.ts'
import type { GuardedResponse, LimitUsage } from '../sdk/http.ts'
import { activities } from './activities.ts'
import { allPeople } from './all-people.ts'
import { auth, domains, origins } from './auth.ts'
import { changes } from './changes.ts'
import { createPerson } from './create-person.ts'
import { describe } from './describe.ts'
import { findPerson } from './find-person.ts'
import { identify } from './identify.ts'
import { logConversation } from './log-conversation.ts'
import { logMeeting } from './log-meeting.ts'
import { owners } from './owners.ts'
import { mapping, personTypes } from './people.ts'
import { previewOf } from './preview.ts'
import { readPerson } from './read-person.ts'
import { staleHistories } from './stale-histories.ts'
import { updatePerson } from './update-person.ts'

/** On every answer: `api-usage=18/5000`, for the organisation, in the last 24 hours. */
function usage({ headers }: Pick<GuardedResponse, 'headers'>): LimitUsage[] {
  const [, used, allowed] = /api-usage=(\d+)\/(\d+)/.exec(headers['sforce-limit-info'] ?? '') ?? []
  return Number(allowed) > 0 ? [{ limit: 'daily', used: Number(used), allowed: Number(allowed) }] : []
}

export const salesforce = defineConnector({
  id: 'salesforce',
  name: 'Salesforce',
  auth,
  settings: [
    {
      key: 'environment',
      label: 'Environment',
      help: 'Where your people sign in to Salesforce.',
      kind: 'choice',
      options: [
        { value: 'production', label: 'Production or Developer Edition' },
        { value: 'sandbox', label: 'Sandbox' },
        { value: 'myDomain', label: 'My Domain' },
      ],
      required: true,
      initial: 'production',
    },
    {
      key: 'myDomain',
      label: 'My Domain address',
      help: 'Only for My Domain: Setup → My Domain, such as https://northwind.my.salesforce.com.',
      kind: 'origin',
      domains,
      required: false,
    },
  ],
  origins,
  limits: {
    // what a Developer Edition has; every answer tells what this organisation has, and how much of it anybody used
    // 25 long requests may run at once; any of ours might become one
    daily: { requests: 15_000, perMs: 86_400_000, reserve: 0.1, concurrent: 20 },
  },
  usage,
  identify,
  crm: {
    personTypes,
    mapping,
    // Salesforce keeps no form submissions: a web form makes a lead, or a campaign membership
    activityKinds: ['email', 'call', 'task', 'meeting', 'note', 'campaign'],
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
  },
})

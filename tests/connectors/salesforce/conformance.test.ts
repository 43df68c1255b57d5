import { test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import { nameParts } from '#connectors/salesforce/people.ts'
import { type Fault, SalesforceStandIn } from '#connectors/salesforce/stand-in/index.ts'
import { json } from '#connectors/salesforce/stand-in/oauth.ts'
import { testConformance } from '#connectors/sdk/conformance/index.ts'
import type { VendorUnderTest } from '#connectors/sdk/conformance/vendor.ts'
import type { PersonField } from '#connectors/sdk/crm.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'

const read = /^(GET \/services\/data|POST .*\/composite)/
const write = /^(POST|PATCH) .*\/sobjects/
const fields: Record<PersonField, string> = {
  name: 'Name',
  jobTitle: 'Title',
  email: 'Email',
  phone: 'Phone',
  crmStatus: 'Status',
  company: 'Company',
}

/** An org with nobody in it, as the suite wants it. */
async function start(): Promise<VendorUnderTest> {
  let offsetMs = 0
  const now = () => new Date(Date.now() + offsetMs)
  const standIn = new SalesforceStandIn({ now, pageSize: 100, oauth: { rotates: true } })
  const { org, oauth, log } = standIn
  const { origin, close } = await serveStandIn(standIn.handle)
  const limited = () =>
    json(403, [{ message: 'TotalRequests Limit exceeded.', errorCode: 'REQUEST_LIMIT_EXCEEDED' }])
  return {
    origin,
    close,
    now,
    advance: (ms) => {
      offsetMs += ms
    },
    client: { id: 'foyer-demo', secret: 'foyer-demo-secret' },
    grant: () => oauth.grant(),
    agree: async (url) =>
      (await fetch(url, { redirect: 'manual', headers: { connection: 'close' } })).headers.get('location') ??
      '',
    expireTokens: () => oauth.expireSessions(),
    revokeGrant: () => oauth.revokeGrants(),
    refuseTokens: () => {
      oauth.policy.refusesEverybody = true
    },
    refreshes: () => oauth.refreshes + oauth.deadRefreshes,
    calls: () => log.length,
    limitErrors: () => log.filter(({ status }) => status === 403).length,
    addPerson({ type = 'Contact', name = 'Nobody', email, jobTitle, phone, company }) {
      const person = { ...nameParts(name), Email: email, Title: jobTitle ?? null, Phone: phone ?? null }
      const ofLead: Record<string, string> = type === 'Lead' ? { Company: company ?? 'Northwind' } : {}
      return { type, id: org.insert(type, { ...person, ...ofLead }).Id }
    },
    changePerson({ id }, { jobTitle }, agoMs = 0) {
      org.now = () => new Date(now().getTime() - agoMs)
      const transaction = org.startsTransaction()
      org.now = now
      transaction.commits(() => org.update(id, { Title: jobTitle }))
    },
    deletePerson: ({ id }) => org.delete(id),
    mergePeople: (loser, winner) => org.merge(winner.id, loser.id),
    valueOf: ({ id }, field) => (org.find(id)?.[fields[field]] as string | null | undefined) ?? null,
    countByEmail: (email) =>
      ['Contact', 'Lead']
        .flatMap((type) => [...org.rows(type).values()])
        .filter((row) => row.Email === email && !row.IsDeleted).length,
    addActivity({ id }, { kind, at, title }) {
      const moment = at.toISOString()
      switch (kind) {
        case 'email': {
          const task = org.insert('Task', {
            WhoId: id,
            Subject: title,
            TaskSubtype: 'Email',
            ActivityDate: moment.slice(0, 10),
          })
          const { Id } = org.insert('EmailMessage', {
            Subject: title,
            MessageDate: moment,
            ActivityId: task.Id,
          })
          org.insert('EmailMessageRelation', {
            EmailMessageId: Id,
            RelationId: id,
            RelationType: 'ToAddress',
          })
          return true
        }
        case 'call':
        case 'task':
          org.insert('Task', {
            WhoId: id,
            Subject: title,
            TaskSubtype: kind === 'call' ? 'Call' : 'Task',
            CreatedDate: moment,
          })
          return true
        case 'meeting':
          org.insert('Event', { WhoId: id, Subject: title, StartDateTime: moment, EndDateTime: moment })
          return true
        case 'note':
          org.insert('Note', { ParentId: id, Title: title, CreatedDate: moment })
          return true
        case 'campaign': {
          const campaign = org.insert('Campaign', { Name: title })
          org.insert('CampaignMember', { CampaignId: campaign.Id, ContactId: id, CreatedDate: moment })
          return true
        }
        case 'form':
          return false
        default:
          return kind satisfies never
      }
    },
    logged: ({ id }) =>
      ['Task', 'Event']
        .flatMap((type) => [...org.rows(type).values()])
        .filter((row) => row.WhoId === id && String(row.Subject).includes('[foyer-'))
        .map((row) => `${row.Subject}\n${row.Description}`),
    hideField: (type, field) => void org.hidden.add(`${type}.${fields[field]}`),
    fail(next, how) {
      const does: Record<Exclude<typeof how, object>, Fault['does']> = {
        lost_answer: 'commit-and-drop',
        no_answer: 'drop',
        truncated: 'truncate',
        garbage: () => new Response('<html>Maintenance</html>'),
        down: () => new Response('Down', { status: 503 }),
        limited,
        hang: new Promise(() => {}),
      }
      const redirect = (location: string) => () => new Response(null, { status: 302, headers: { location } })
      standIn.fails({
        on: next === 'read' ? read : write,
        does: typeof how === 'object' ? redirect(how.redirectTo) : does[how],
      })
    },
  }
}

testConformance(salesforce, start, { test, can: ['mergePeople', 'hideField'] })

import { test } from 'vitest'
import { hubspot } from '#connectors/hubspot/index.ts'
import { divided } from '#connectors/hubspot/mapping.ts'
import { type ObjectType, objectTypes } from '#connectors/hubspot/object-types.ts'
import type { Fault } from '#connectors/hubspot/stand-in/faults.ts'
import { createHubSpotStandIn } from '#connectors/hubspot/stand-in/index.ts'
import { testConformance } from '#connectors/sdk/conformance/index.ts'
import type { VendorUnderTest } from '#connectors/sdk/conformance/vendor.ts'
import type { CrmActivity, PersonField, PersonRef } from '#connectors/sdk/crm.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'

const properties: Record<Exclude<PersonField, 'name'>, string> = {
  jobTitle: 'jobtitle',
  email: 'email',
  phone: 'phone',
  crmStatus: 'lifecyclestage',
  company: 'company',
}

/** An account with nobody in it, as the suite wants it. */
async function start(): Promise<VendorUnderTest> {
  const standIn = createHubSpotStandIn()
  const { store, oauth, faults, webhooks, clock, requests } = standIn
  let refusesEverybody = false
  const { origin, close } = await serveStandIn(async (request) => {
    if (refusesEverybody && !new URL(request.url).pathname.startsWith('/oauth/')) oauth.dropAccessTokens()
    return standIn.handle(request)
  })
  const contactOf = ({ id }: PersonRef) => store.get('contacts', id)
  return {
    origin,
    close,
    now: () => new Date(clock.now()),
    advance: clock.advance,
    settings: { apiVersion: 'v3' },
    client: { id: standIn.clientId, secret: standIn.clientSecret },
    grant: async () => {
      const given = await oauth.grantNow(hubspot.auth.scopes)
      return { accessToken: given.access_token, refreshToken: given.refresh_token }
    },
    agree: async (url) =>
      (await fetch(url, { redirect: 'manual', headers: { connection: 'close' } })).headers.get('location') ??
      '',
    expireTokens: () => oauth.dropAccessTokens(),
    revokeGrant: () => oauth.revokeAll(),
    refuseTokens: () => {
      refusesEverybody = true
    },
    refreshes: () => oauth.refreshes.length,
    calls: () => requests.length,
    limitErrors: () => requests.filter(({ status }) => status === 429).length,
    addPerson({ name, email, type = 'contact', ...more }) {
      const others = Object.entries(more).map(([field, value]) => [
        properties[field as keyof typeof properties],
        value,
      ])
      const record = store.create('contacts', {
        email,
        ...(name ? divided(name) : {}),
        ...Object.fromEntries(others),
      })
      return { type, id: record.id }
    },
    changePerson: (ref, { jobTitle }, agoMs = 0) => {
      // what is stamped so long ago is seen by the search only now
      clock.advance(-agoMs)
      store.update(contactOf(ref), { jobtitle: jobTitle })
      clock.advance(agoMs)
    },
    deletePerson: (ref) => store.archive(contactOf(ref)),
    mergePeople: (loser, winner) => void store.merge(contactOf(winner), contactOf(loser)),
    valueOf: (ref, field) => {
      const { firstname = '', lastname = '', ...found } = contactOf(ref).properties
      return (field === 'name' ? `${firstname} ${lastname}`.trim() : found[properties[field]]) || null
    },
    countByEmail: (email) => store.all('contacts').filter((one) => one.properties.email === email).length,
    addActivity(ref, { kind, at, title }) {
      const found = engagements[kind]
      if (!found) return false
      const { type, titled } = found
      const entry = store.create(type, { ...titled(title), hs_timestamp: at.toISOString() })
      store.associate(entry, contactOf(ref), [objectTypes[type].toContact ?? 0])
      return true
    },
    deleteActivity({ id, kind }) {
      const { type } = engagements[kind] ?? { type: 'notes' }
      store.archive(store.get(type, id.split('-')[1] ?? ''))
    },
    logged: (ref) =>
      (['notes', 'meetings'] as const).flatMap((type) =>
        store.associations
          .of(contactOf(ref), type)
          .map(({ id }) => store.get(type, id).properties)
          .map((one) => `${one.hs_meeting_title ?? ''}\n${one.hs_note_body ?? one.hs_meeting_body ?? ''}`)
          .filter((text) => text.includes('foyer-')),
      ),
    fail(next, how) {
      if (typeof how === 'object') {
        const headers = { location: how.redirectTo }
        return faults.plan(kinds[next], { kind: 'status', status: 302, headers })
      }
      faults.plan(kinds[next], does[how])
    },
    signedEvent(ref, url) {
      webhooks.take(url)
      store.update(contactOf(ref), { jobtitle: 'CEO' })
      const [sent] = webhooks.take(url)
      if (!sent) throw new Error('Nothing was sent')
      return { ...sent, rawBody: Buffer.from(sent.body) }
    },
  }
}

const isRead = ({ method, path }: { method: string; path: string }) =>
  path.startsWith('/crm/') && (method === 'GET' || /\/(search|batch\/read)$/.test(path))
const kinds = {
  read: isRead,
  write: (request: { method: string; path: string }) => request.path.startsWith('/crm/') && !isRead(request),
}

const does: Record<Exclude<Parameters<VendorUnderTest['fail']>[1], object>, Fault> = {
  lost_answer: { kind: 'lostAnswer' },
  no_answer: { kind: 'noAnswer' },
  truncated: { kind: 'truncated' },
  garbage: { kind: 'page', html: '<html>Maintenance</html>', status: 200 },
  down: { kind: 'status', status: 503 },
  limited: { kind: 'overLimit', policy: 'TEN_SECONDLY_ROLLING' },
  hang: { kind: 'hang' },
}

/** What HubSpot keeps by an exact instant. Campaigns and forms stand in properties that only HubSpot writes. */
const engagements: Partial<
  Record<CrmActivity['kind'], { type: ObjectType; titled: (title: string) => Record<string, string> }>
> = {
  email: { type: 'emails', titled: (title) => ({ hs_email_subject: title }) },
  call: { type: 'calls', titled: (title) => ({ hs_call_title: title }) },
  task: { type: 'tasks', titled: (title) => ({ hs_task_subject: title }) },
  meeting: { type: 'meetings', titled: (title) => ({ hs_meeting_title: title }) },
  note: { type: 'notes', titled: (title) => ({ hs_note_body: title }) },
}

testConformance(hubspot, start, { test, can: ['mergePeople', 'signedEvent', 'deleteActivity'] })

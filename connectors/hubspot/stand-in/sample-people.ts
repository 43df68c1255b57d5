import type { HubSpotStandIn } from './index.ts'
import type { StoredRecord } from './store.ts'

const dayMs = 86_400_000

interface Sample {
  name: [first: string, last: string]
  jobTitle: string
  phone: string
  stage: string
}

const companies = [
  ['Fabrikam', 'fabrikam.test'],
  ['Adatum', 'adatum.test'],
  ['Litware', 'litware.test'],
  ['Proseware', 'proseware.test'],
  ['Wingtip', 'wingtip.test'],
  ['Tailspin', 'tailspin.test'],
] as const

const samples: Sample[] = [
  { name: ['Anna', 'Lindqvist'], jobTitle: 'Head of IT', phone: '+46 8 5550 0101', stage: 'lead' },
  { name: ['Bruno', 'Costa'], jobTitle: 'Buyer', phone: '+351 21 555 0102', stage: 'subscriber' },
  { name: ['Carla', 'Mendes'], jobTitle: 'CFO', phone: '+351 21 555 0103', stage: 'customer' },
  {
    name: ['David', 'Okafor'],
    jobTitle: 'Operations Manager',
    phone: '+44 20 5550 0104',
    stage: 'opportunity',
  },
  { name: ['Elif', 'Yılmaz'], jobTitle: 'Marketing Lead', phone: '+90 212 555 0105', stage: 'lead' },
  {
    name: ['Félix', 'Dubois'],
    jobTitle: 'Engineer',
    phone: '+33 1 5550 0106',
    stage: 'marketingqualifiedlead',
  },
  { name: ['Greta', 'Hansen'], jobTitle: 'Owner', phone: '+45 55 50 01 07', stage: 'customer' },
  {
    name: ['Hiroshi', 'Tanaka'],
    jobTitle: 'Director',
    phone: '+81 3 5550 0108',
    stage: 'salesqualifiedlead',
  },
  { name: ['Ingrid', 'Olsen'], jobTitle: 'Project Manager', phone: '+47 55 50 01 09', stage: 'lead' },
  { name: ['Jakub', 'Nowak'], jobTitle: 'Procurement', phone: '+48 22 555 0110', stage: 'opportunity' },
]

/** The people of the demo: Tom Becker of Contoso, and a few dozen whom nobody knows by heart. */
export function seedSamplePeople({ store }: Pick<HubSpotStandIn, 'store'>) {
  store.owners.set('7001', {
    id: '7001',
    userId: 9001,
    email: 'marco@foyer.test',
    firstName: 'Marco',
    lastName: 'Bellini',
    type: 'PERSON',
    archived: false,
  })
  store.owners.set('7002', {
    id: '7002',
    userId: 9002,
    email: 'dana@foyer.test',
    firstName: 'Dana',
    lastName: 'Whitfield',
    type: 'PERSON',
    archived: false,
  })
  store.owners.set('7003', {
    id: '7003',
    userId: 9003,
    email: 'lars@foyer.test',
    firstName: 'Lars',
    lastName: 'Vogel',
    type: 'PERSON',
    archived: true,
  })
  seedTom(store)
  const accounts = companies.map(([name, domain]) => store.create('companies', { name, domain }))
  for (let round = 0; round < 4; round += 1)
    for (const [i, { name, jobTitle, phone, stage }] of samples.entries()) {
      const account = accounts[(i + round) % accounts.length] as StoredRecord
      const [firstname, lastname] = name
      const suffix = round === 0 ? '' : `${round + 1}`
      const contact = store.create('contacts', {
        firstname,
        lastname,
        jobtitle: jobTitle,
        phone,
        email: `${plain(firstname)}.${plain(lastname)}${suffix}@${account.properties.domain}`,
        company: account.properties.name ?? '',
        lifecyclestage: stage,
        hubspot_owner_id: i % 3 === 0 ? '7002' : '7001',
      })
      store.associate(contact, account, [1])
      log(store, contact, 'notes', 3 + i + round * 11, { hs_note_body: '<p>Asked for a price list.</p>' })
      log(store, contact, 'calls', 20 + i * 9, { hs_call_title: 'First call', hs_call_direction: 'OUTBOUND' })
    }
}

/** Tom, as the demo's tour and its tests know him: four activities within 90 days, three before. */
function seedTom(store: HubSpotStandIn['store']) {
  const contoso = store.create('companies', {
    name: 'Contoso',
    domain: 'contoso.test',
    hubspot_owner_id: '7001',
  })
  const tom = store.create('contacts', {
    firstname: 'Tom',
    lastname: 'Becker',
    jobtitle: 'CTO',
    email: 'tom.becker@contoso.test',
    phone: '+49 30 5550 0178',
    company: 'Contoso',
    lifecyclestage: 'opportunity',
    hubspot_owner_id: '7001',
  })
  store.associate(tom, contoso, [1])
  store.addEmail(tom, 'tom@becker.test')
  log(store, tom, 'emails', 4, {
    hs_email_subject: 'Your quote for 40 seats',
    hs_email_text: 'Hello Tom,\nattached is the quote we talked about.\nMarco',
    hs_email_direction: 'EMAIL',
    hs_email_message_id: '<quote-40@foyer.test>',
  })
  log(store, tom, 'calls', 12, {
    hs_call_title: 'Call about the roll-out',
    hs_call_body: '<p>Wants to start with the Berlin office.</p>',
    hs_call_direction: 'INBOUND',
    hs_call_duration: '840000',
  })
  log(store, tom, 'tasks', 30, { hs_task_subject: 'Send the security paper', hs_task_status: 'COMPLETED' })
  const meetingAt = store.now() - 61 * dayMs
  log(store, tom, 'meetings', 61, {
    hs_meeting_title: 'Demo for Contoso',
    hs_meeting_body: '<p>With Tom and two engineers.</p>',
    hs_meeting_start_time: new Date(meetingAt).toISOString(),
    hs_meeting_end_time: new Date(meetingAt + 1_800_000).toISOString(),
    hs_meeting_outcome: 'COMPLETED',
  })
  log(store, tom, 'notes', 118, { hs_note_body: '<p>Met at the trade fair in Hanover.</p>' })
  log(store, tom, 'emails', 140, { hs_email_subject: 'Nice to meet you', hs_email_direction: 'EMAIL' })
  log(store, tom, 'calls', 200, { hs_call_title: 'Cold call', hs_call_direction: 'OUTBOUND' })
  tom.properties.recent_conversion_date = new Date(store.now() - 75 * dayMs).toISOString()
  tom.properties.recent_conversion_event_name = 'Contoso pricing page: Request a demo'
  tom.properties.first_conversion_date = new Date(store.now() - 210 * dayMs).toISOString()
  tom.properties.first_conversion_event_name = 'White paper: Download'
  tom.properties.hs_email_last_email_name = 'Autumn newsletter'
  tom.properties.hs_email_last_send_date = new Date(store.now() - 25 * dayMs).toISOString()
}

function log(
  store: HubSpotStandIn['store'],
  contact: StoredRecord,
  type: 'notes' | 'calls' | 'emails' | 'meetings' | 'tasks',
  daysAgo: number,
  properties: Record<string, string>,
) {
  const at = store.now() - daysAgo * dayMs
  const record = store.create(type, {
    ...properties,
    hs_timestamp: new Date(at).toISOString(),
    hubspot_owner_id: '7001',
  })
  store.associate(record, contact, [])
}

/** For an address: letters without marks. */
const plain = (name: string) => name.normalize('NFD').replace(/\p{M}/gu, '').replace(/ı/g, 'i').toLowerCase()

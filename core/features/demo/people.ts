import type { ActivityKind } from '../../contracts/visitors.ts'
import type { Chance } from './random.ts'

export interface SamplePerson {
  email: string
  name: string
  jobTitle: string | null
  phone: string | null
  crmStatus: string | null
  company: string
  ownerEmail: string | null
  timeZone: string
  records: SampleRecord[]
  /** Salesforce's or HubSpot's, of which they are filled: not in the directory. */
  isOfCrm?: boolean
}

export interface SampleRecord {
  kind: Exclude<ActivityKind, 'visit' | 'chat'>
  daysAgo: number
  subject: string
  detail: string | null
}

const record = (
  daysAgo: number,
  kind: SampleRecord['kind'],
  subject: string,
  detail: string | null = null,
): SampleRecord => ({ daysAgo, kind, subject, detail })

const sofia: SamplePerson = {
  email: 'sofia.ricci@northwind.test',
  name: 'Sofia Ricci',
  jobTitle: 'Head of Purchasing',
  phone: '+39 02 5550 0142',
  crmStatus: 'Working - Contacted',
  company: 'Northwind',
  ownerEmail: 'dana@foyer.test',
  timeZone: 'Europe/Rome',
  records: [],
  isOfCrm: true,
}

const tom: SamplePerson = {
  email: 'tom.becker@contoso.test',
  name: 'Tom Becker',
  jobTitle: 'CTO',
  phone: null,
  crmStatus: 'Opportunity',
  company: 'Contoso',
  ownerEmail: 'marco@foyer.test',
  timeZone: 'Europe/Berlin',
  records: [],
  isOfCrm: true,
}

const givenNames =
  'Amara Bruno Chiara Daniel Elif Farid Greta Hugo Ines Jakub Keiko Lars Mina Noah Olga Pablo Quentin Rosa Samir Tessa Umar Vera Wei Ximena Yara Zoltan Astrid Benoit Celia Dmitri Esther Felix Gita Henrik Isla Joao Kofi Leila Mateo Nadia'.split(
    ' ',
  )
const familyNames =
  'Okafor Lindqvist Moretti Haddad Kaya Novak Fischer Duarte Sato Nielsen Petrov Alvarez Laurent Mensah Rossi Costa Berger Yilmaz Tanaka Weber Dubois Silva Kowalski Janssen Ortega Ivanova Chen Murphy Andersen Bauer'.split(
    ' ',
  )
const jobTitles = [
  'Interior designer',
  'Office manager',
  'Facility manager',
  'Architect',
  'Purchasing manager',
  'Owner',
  'Project lead',
  'Hotel manager',
  'Head of retail design',
  'Electrical engineer',
]
const companies: readonly (readonly [name: string, domain: string, timeZone: string])[] = [
  ['Fabrikam', 'fabrikam.test', 'Europe/Berlin'],
  ['Adventure Works', 'adventure-works.test', 'Europe/London'],
  ['Tailspin Hotels', 'tailspin.test', 'Europe/Lisbon'],
  ['Wide World Offices', 'wideworld.test', 'Europe/Amsterdam'],
  ['Blue Yonder Studios', 'blueyonder.test', 'Europe/Copenhagen'],
  ['Lamna Healthcare', 'lamna.test', 'Europe/Paris'],
  ['Proseware', 'proseware.test', 'America/New_York'],
  ['Relecloud', 'relecloud.test', 'America/Los_Angeles'],
  ['Graphic Design Institute', 'gdi.test', 'Europe/Vienna'],
  ['Margie’s Travel', 'margies.test', 'Europe/Madrid'],
  ['Coho Winery', 'coho.test', 'Europe/Rome'],
  ['Trey Research', 'trey.test', 'Asia/Tokyo'],
]
const statuses = [
  'Open - Not Contacted',
  'Working - Contacted',
  'Marketing qualified lead',
  'Opportunity',
  'Customer',
  'Customer',
] as const
const owners = ['dana@foyer.test', 'marco@foyer.test', 'aiko@foyer.test', null] as const

const usualRecords: readonly [SampleRecord['kind'], string][] = [
  ['email', 'Catalogue and price list'],
  ['email', 'Re: Delivery to site'],
  ['email', 'Thank you for your visit'],
  ['call', 'Follow-up call'],
  ['call', 'Left a message'],
  ['task', 'Send colour samples'],
  ['task', 'Check stock for spring'],
  ['meeting', 'Showroom appointment'],
  ['note', 'Prefers warm light, 2700 K'],
  ['note', 'Budget decided in the next quarter'],
  ['campaign', 'Autumn lookbook: opened'],
  ['form', 'Trade price list requested'],
]

/** Everybody the shop knows, most from the directory. Those whom the documentation names come first, exactly as it names them. */
export function samplePeople(chance: Chance): SamplePerson[] {
  const others = givenNames.map((given, index): SamplePerson => {
    const family = familyNames[(index * 7 + 3) % familyNames.length] ?? ''
    const [company, domain, timeZone] = chance.one(companies)
    return {
      email: `${given}.${family}@${domain}`.toLowerCase(),
      name: `${given} ${family}`,
      jobTitle: chance.happens(0.85) ? chance.one(jobTitles) : null,
      // a range that no country gives out
      phone: chance.happens(0.6) ? `+44 20 7946 0${chance.between(100, 999)}` : null,
      crmStatus: chance.happens(0.9) ? chance.one(statuses) : null,
      company,
      ownerEmail: chance.one(owners),
      timeZone,
      records: Array.from({ length: chance.between(0, 5) }, () => {
        const [kind, subject] = chance.one(usualRecords)
        return record(chance.next() * 170 + 1, kind, subject)
      }),
    }
  })
  return [sofia, tom, ...others]
}

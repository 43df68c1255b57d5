import type { Org, Value } from './org.ts'

const day = 86_400_000

/** The people that the demo's Salesforce knows: Sofia Ricci, with activities of all kinds, and some dozens of others. */
export function fillWithPeople(org: Org) {
  const users = Object.fromEntries(
    [
      ['Dana', 'Whitfield', 'dana', true],
      ['Marco', 'Bellini', 'marco', true],
      ['Aiko', 'Tanaka', 'aiko', true],
      ['Greta', 'Holm', 'greta', false],
    ].map(([FirstName = '', LastName = '', alias, IsActive = true]) => [
      alias,
      org.insert('User', {
        FirstName,
        LastName,
        Alias: String(alias),
        Username: `${alias}@foyer.test`,
        Email: `${alias}@foyer.test`,
        IsActive,
        TimeZoneSidKey: 'Europe/Rome',
      }).Id,
    ]),
  ) as Record<'dana' | 'marco' | 'aiko' | 'greta', string>
  const inbound = org.insert('Group', {
    Name: 'Inbound leads',
    DeveloperName: 'Inbound_leads',
    Type: 'Queue',
  }).Id
  const campaigns = [
    { Name: 'Hannover Messe 2026', Type: 'Trade Show', Status: 'Completed' },
    { Name: 'Purchasing webinar', Type: 'Webinar', Status: 'Completed' },
  ].map((campaign) => org.insert('Campaign', { ...campaign, IsActive: true }).Id)
  seedSofia(org, users.dana, campaigns)
  seedOthers(org, [users.dana, users.marco, users.aiko, users.greta], inbound, campaigns)
  return { users, inbound }
}

function seedSofia(org: Org, dana: string, campaigns: string[]) {
  const ago = (days: number, hours = 0) =>
    new Date(org.now().getTime() - days * day - hours * 3_600_000).toISOString()
  const sofia = org.insert('Lead', {
    FirstName: 'Sofia',
    LastName: 'Ricci',
    Title: 'Head of Purchasing',
    Email: 'sofia.ricci@northwind.test',
    Phone: '+39 02 5550 0142',
    Status: 'Working - Contacted',
    Company: 'Northwind',
    Website: 'https://www.northwind.test',
    LeadSource: 'Web',
    OwnerId: dana,
    CreatedDate: ago(160),
  }).Id
  const task = (days: number, values: Record<string, Value>) =>
    org.insert('Task', {
      WhoId: sofia,
      OwnerId: dana,
      Status: 'Completed',
      ActivityDate: ago(days).slice(0, 10),
      CreatedDate: ago(days),
      ...values,
    }).Id
  const email = (days: number, isIncoming: boolean, Subject: string, TextBody: string) => {
    const message = org.insert('EmailMessage', {
      // Salesforce keeps each e-mail twice: as a message, and as a task
      ActivityId: task(days, { Subject: `Email: ${Subject}`, TaskSubtype: 'Email', Description: TextBody }),
      Subject,
      TextBody,
      Incoming: isIncoming,
      FromAddress: isIncoming ? 'sofia.ricci@northwind.test' : 'dana@foyer.test',
      ToAddress: isIncoming ? 'dana@foyer.test' : 'sofia.ricci@northwind.test',
      MessageDate: ago(days),
      MessageIdentifier: `<${days}.sofia@northwind.test>`,
    })
    org.insert('EmailMessageRelation', {
      EmailMessageId: message.Id,
      RelationId: sofia,
      RelationType: isIncoming ? 'FromAddress' : 'ToAddress',
      RelationObjectType: 'Lead',
    })
  }
  email(
    3,
    true,
    'Prices for 400 seats',
    'Hello Dana, could you send me your prices for 400 seats? Best, Sofia',
  )
  email(2, false, 'Re: Prices for 400 seats', 'Hello Sofia, here they are. Shall we talk on Thursday? Dana')
  task(9, {
    Subject: 'Call: needs and time frame',
    TaskSubtype: 'Call',
    CallType: 'Outbound',
    CallDurationInSeconds: 780,
    CallDisposition: 'Interested',
    Description: 'Replaces three tools, decision in the first quarter.',
  })
  task(12, { Subject: 'Send case study about purchasing teams' })
  const demo = new Date(org.now().getTime() - 21 * day)
  org.insert('Event', {
    WhoId: sofia,
    OwnerId: dana,
    Subject: 'Product demo for Northwind',
    Location: 'Video call',
    StartDateTime: demo.toISOString(),
    EndDateTime: new Date(demo.getTime() + 45 * 60_000).toISOString(),
    Description: 'Shown: routing, reports. Open: single sign-on.',
    CreatedDate: ago(25),
  })
  org.insert('Note', {
    ParentId: sofia,
    Title: 'Who decides',
    Body: 'Sofia prepares, her CFO signs.',
    OwnerId: dana,
    CreatedDate: ago(20),
  })
  const member = (days: number, CampaignId: string | undefined, Status: string) =>
    org.insert('CampaignMember', {
      CampaignId: CampaignId ?? null,
      LeadId: sofia,
      LeadOrContactId: sofia,
      Status,
      HasResponded: Status !== 'Sent',
      CreatedDate: ago(days),
    })
  member(45, campaigns[1], 'Attended')
  // older than what Foyer shows
  member(140, campaigns[0], 'Visited booth')
  email(120, false, 'Nice to meet you in Hannover', 'Hello Sofia, thank you for visiting us. Dana')
  task(110, { Subject: 'Call: first contact', TaskSubtype: 'Call', CallDurationInSeconds: 240 })
}

const companies = [
  ['Contoso', 'contoso.test', 'Customer - Direct'],
  ['Fabrikam', 'fabrikam.test', 'Prospect'],
  ['Tailspin Toys', 'tailspin.test', 'Prospect'],
  ['Wingtip', 'wingtip.test', 'Customer - Channel'],
  ['Litware', 'litware.test', 'Technology Partner'],
  ['Proseware', 'proseware.test', 'Prospect'],
] as const
const firstNames = [
  'Ana',
  'Björn',
  'Chidi',
  'Dewi',
  'Elif',
  'Farid',
  'Giulia',
  'Hiroshi',
  'Ines',
  'Jonas',
  'Kavya',
  'Liam',
]
const lastNames = ["O'Neill", 'Müller', 'García', 'Nowak', 'Yılmaz', 'Haddad']
const titles = ['Buyer', 'Head of Sales', 'CTO', 'Office manager', 'CEO', 'Project lead']

/** Two of three as contacts of an account, the rest as leads; owners in turn, a queue and a former colleague among them. */
function seedOthers(org: Org, owners: string[], queue: string, campaigns: string[]) {
  const accounts = companies.map(([Name, domain, Type], at) =>
    org.insert('Account', {
      Name,
      Website: `https://www.${domain}/`,
      Type,
      OwnerId: owners[at % owners.length] ?? null,
    }),
  )
  for (let at = 0; at < 36; at++) {
    const [company, domain] = companies[at % companies.length] ?? ['', '']
    const FirstName = firstNames[at % firstNames.length] ?? ''
    const LastName = lastNames[Math.floor(at / 6) % lastNames.length] ?? ''
    const person = {
      FirstName,
      LastName,
      Title: titles[(at * 5) % titles.length] ?? '',
      Email: `${plain(FirstName)}.${plain(LastName)}.${at}@${domain}`,
      Phone: `+44 20 7946 0${String(100 + at)}`,
      OwnerId: owners[at % owners.length] ?? null,
    }
    const id =
      at % 3 === 2
        ? org.insert('Lead', { ...person, Company: company, OwnerId: at % 4 === 0 ? queue : person.OwnerId })
            .Id
        : org.insert('Contact', { ...person, AccountId: accounts[at % accounts.length]?.Id ?? null }).Id
    const due = new Date(org.now().getTime() - ((at * 7) % 120) * day).toISOString()
    org.insert('Task', {
      WhoId: id,
      Subject: at % 2 ? 'Follow up' : 'Call: introduction',
      TaskSubtype: at % 2 ? 'Task' : 'Call',
      Status: 'Completed',
      OwnerId: person.OwnerId,
      ActivityDate: due.slice(0, 10),
      CreatedDate: due,
    })
    if (at % 5 === 0)
      org.insert('CampaignMember', {
        CampaignId: campaigns[at % 2] ?? null,
        [at % 3 === 2 ? 'LeadId' : 'ContactId']: id,
        LeadOrContactId: id,
        Status: 'Responded',
        HasResponded: true,
        CreatedDate: due,
      })
  }
}

const plain = (name: string) =>
  name
    .toLowerCase()
    .replaceAll('ı', 'i')
    .normalize('NFKD')
    .replace(/[^a-z]/g, '')

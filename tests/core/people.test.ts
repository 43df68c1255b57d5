import { beforeAll, describe, expect } from 'vitest'
import type { ImportResult, Person, PersonPage } from '#core/contracts/visitors.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

let foyer: TestFoyer
let admin: AgentActor
let agent: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
  agent = await foyer.agent({ name: 'Dana Whitfield', email: 'dana@foyer.test', online: false })
})

const importCsv = async (csv: string | Uint8Array, by = admin): Promise<ImportResult> => {
  const response = await sendCsv(csv, by)
  expect(response.status).toBe(200)
  return (await response.json()) as ImportResult
}

const sendCsv = (csv: string | Uint8Array, by = admin) =>
  fetch(`${foyer.origin}/api/v1/people/import`, {
    method: 'POST',
    headers: { cookie: by.http.cookie ?? '', 'content-type': 'text/csv', connection: 'close' },
    body: csv as BodyInit,
  })

const personNamed = async (query: string): Promise<Person | undefined> =>
  (await agent.http.get<PersonPage>(`/people?query=${encodeURIComponent(query)}`)).people[0]

describe('import', () => {
  test('takes what spreadsheets write: a mark, semicolons, other names for the columns, line breaks in cells', async () => {
    const csv =
      '\uFEFFE-Mail;First name;LAST NAME;Position;Telephone;Lead status;Organisation;Account owner;Shoe size\r\n' +
      'Sofia.Ricci@Northwind.test;Sofia;Ricci;"Head of\r\nPurchasing";+39 02 5550 0142;Working - Contacted;"Northwind; Milan";Dana Whitfield;38\r\n'
    expect(await importCsv(csv)).toEqual({ created: 1, updated: 0, unchanged: 0, failed: [] })
    expect(await personNamed('ricci')).toMatchObject({
      email: 'sofia.ricci@northwind.test',
      name: 'Sofia Ricci',
      // one line of a person
      jobTitle: 'Head of Purchasing',
      phone: '+39 02 5550 0142',
      crmStatus: 'Working - Contacted',
      company: 'Northwind; Milan',
      ownerEmail: 'dana@foyer.test',
    })
  })

  test('an empty cell and a missing column leave what is known', async () => {
    await importCsv('email,name,phone\ntom@contoso.test,Tom Becker,+49 30 5550 0100\n')
    expect(await importCsv('email,name,crm status\ntom@contoso.test,,Opportunity\n')).toEqual({
      created: 0,
      updated: 1,
      unchanged: 0,
      failed: [],
    })
    expect(await personNamed('tom@contoso')).toMatchObject({
      name: 'Tom Becker',
      phone: '+49 30 5550 0100',
      crmStatus: 'Opportunity',
    })
  })

  test('the same file again changes nothing', async () => {
    const csv = 'email,name\nsame@again.test,Same\nother@again.test,Other\n'
    expect(await importCsv(csv)).toMatchObject({ created: 2 })
    const before = await personNamed('same@again')
    expect(await importCsv(csv)).toEqual({ created: 0, updated: 0, unchanged: 2, failed: [] })
    expect(await personNamed('same@again')).toEqual(before)
  })

  test('of two rows for one address the later one adds to the earlier', async () => {
    const csv =
      'email,name,company\ntwice@rows.test,First,Acme\ntwice@rows.test,Second,\ntwice@rows.test,Second,\n'
    expect(await importCsv(csv)).toEqual({ created: 1, updated: 1, unchanged: 1, failed: [] })
    expect(await personNamed('twice@rows')).toMatchObject({ name: 'Second', company: 'Acme' })
  })

  test('a row that cannot be taken says why and where, and the others go in', async () => {
    const csv = [
      'email,name,owner',
      'good@rows.test,Good,',
      'no address,Bad,',
      '',
      ',Nobody,',
      `long@rows.test,${'x'.repeat(201)},`,
      'owner@rows.test,Bad owner,The sales department',
      'nul@rows.test,N\0l,',
      'good.too@rows.test,Good too,nobody@rows.test',
    ].join('\n')
    const result = await importCsv(csv)
    expect(result).toMatchObject({ created: 2, updated: 0, unchanged: 0 })
    expect(result.failed.map(({ row }) => row)).toEqual([3, 5, 6, 7, 8])
    expect(result.failed[0]?.message).toContain('no address')
    expect(result.failed[2]?.message).toContain('200')
    expect(result.failed[3]?.message).toContain('The sales department')
    expect(await personNamed('good.too')).toMatchObject({ ownerEmail: 'nobody@rows.test' })
  })

  test('a file in another encoding is not taken as gibberish', async () => {
    const latin1 = Buffer.from('email,name\njose@latin.test,José\n', 'latin1')
    const result = await importCsv(latin1)
    expect(result).toMatchObject({ created: 0, failed: [{ row: 2 }] })
    expect(result.failed[0]?.message).toContain('UTF-8')
    const utf16 = Buffer.from('\uFEFFemail\tname\njose@latin.test\tJosé\n', 'utf16le')
    expect(await importCsv(utf16)).toMatchObject({ created: 1, failed: [] })
    expect(await personNamed('jose@latin')).toMatchObject({ name: 'José' })
  })

  test('a quotation mark that never closes ends the reading, and what stood before it is kept', async () => {
    const result = await importCsv('email,name\nbefore@quote.test,Before\n"after@quote.test,After\nx,y\n')
    expect(result).toMatchObject({ created: 1, failed: [{ row: 3 }] })
    expect(result.failed[0]?.message).toContain('quotation mark')
  })

  test('a row without end is not read into memory, and what stood before it is kept', async () => {
    const result = await importCsv(
      `email,name\nbefore@endless.test,Before\nx,${'y'.repeat(500_000)}\nafter@endless.test,A\n`,
    )
    expect(result).toMatchObject({ created: 1, failed: [{ row: 3 }] })
    expect(result.failed[0]?.message).toContain('too long')
  })

  test('several batches go in whole', async () => {
    const rows = Array.from({ length: 2_500 }, (_, index) => `bulk${index}@many.test,Bulk ${index}\n`)
    expect(await importCsv(`email,name\n${rows.join('')}`)).toMatchObject({ created: 2_500, failed: [] })
    expect(await agent.http.get('/people?query=many.test')).toMatchObject({ total: 2_500 })
  })

  test('without a column for the address nothing is taken', async () => {
    for (const csv of ['name,phone\nA,1\n', '', '\n\n']) {
      const response = await sendCsv(csv)
      expect(response.status).toBe(422)
      expect(await response.json()).toMatchObject({ code: 'invalid_input' })
    }
  })

  test('only whoever may, only CSV, and only up to 20 MB', async () => {
    const refused = await sendCsv('email\na@b.test\n', agent)
    expect(refused.status).toBe(403)
    expect(await personNamed('a@b.test')).toBeUndefined()
    await expect(admin.http.post('/people/import', { email: 'a@b.test' })).rejects.toMatchObject({
      status: 415,
    })
    const huge = await sendCsv(`email,name\n${'a@b.test,xxxxxxxxxxxxxxxxxxxxx\n'.repeat(700_000)}`)
    expect(huge.status).toBe(413)
    // every other route keeps to its own limit and to JSON
    const csvElsewhere = await admin.http.raw('POST', '/sites', 'a,b', { 'content-type': 'text/csv' })
    expect(csvElsewhere.status).toBe(415)
  })

  test('the open panel of a visitor in the file changes without a reload', async () => {
    const own = await startFoyer({ workers: false })
    const { agent: talking, visitor } = await own.chat()
    const boss = await own.agent({ profile: 'admin', online: false })
    await talking.http.patch(`/visitors/${visitor.id}`, { email: 'live@panel.test' })
    const response = await fetch(`${own.origin}/api/v1/people/import`, {
      method: 'POST',
      headers: { cookie: boss.http.cookie ?? '', 'content-type': 'text/csv', connection: 'close' },
      body: 'email,job title,status\nlive@panel.test,CTO,Opportunity\n',
    })
    expect(response.status).toBe(200)
    await waitFor('the panel follows', () =>
      talking.socket.frames.some(
        (frame) => frame.type === 'visitor' && frame.visitor.crmStatus === 'Opportunity',
      ),
    )
    await own.close()
  })
})

describe('list', () => {
  test('pages go through everybody once, in the order of names', async () => {
    const rows = Array.from({ length: 120 }, (_, index) => `p${index}@paged.test,Pager ${index % 7}\n`)
    await importCsv(`email,name\n${rows.join('')}`)
    const seen: Person[] = []
    let cursor: string | null = null
    do {
      const page: PersonPage = await agent.http.get(
        `/people?query=paged.test${cursor ? `&cursor=${cursor}` : ''}`,
      )
      expect(page.total).toBe(120)
      seen.push(...page.people)
      cursor = page.nextCursor
    } while (cursor)
    expect(new Set(seen.map(({ id }) => id)).size).toBe(120)
    expect(seen.map(({ name }) => name)).toEqual(seen.map(({ name }) => name).sort())
  })

  test('search finds every word in name, address or company, and takes signs as they are', async () => {
    await importCsv(
      'email,name,company\nper@cent.test,Per 100%_sure,Ülm & Co\nother@cent.test,Per 100 sure,\n',
    )
    const found = async (query: string) =>
      (await agent.http.get<PersonPage>(`/people?query=${encodeURIComponent(query)}`)).people.map(
        ({ email }) => email,
      )
    expect(await found('ÜLM per')).toEqual(['per@cent.test'])
    expect(await found('100%_')).toEqual(['per@cent.test'])
    expect(await found('nobody-has-this')).toEqual([])
    await expect(found('a\0b')).rejects.toMatchObject({ status: 422, code: 'invalid_input' })
  })

  test('a forged cursor is refused', async () => {
    const unknown = Buffer.from(JSON.stringify([crypto.randomUUID()])).toString('base64url')
    for (const cursor of ['x', 'W10', unknown, Buffer.from('["\' or 1=1"]').toString('base64url')])
      await expect(agent.http.get(`/people?cursor=${cursor}`)).rejects.toMatchObject({ status: 422 })
  })

  test('only for those signed in', async () => {
    const response = await fetch(`${foyer.origin}/api/v1/people`, { headers: { connection: 'close' } })
    expect(response.status).toBe(401)
  })
})

describe('export', () => {
  test('is inert in a spreadsheet and comes back unchanged', async () => {
    await importCsv(
      'email,name,phone,company\nevil@export.test,"=HYPERLINK(""http://x"")",+39 1,"A ""B"", C"\n',
    )
    const response = await admin.http.raw('GET', '/people/export.csv')
    expect(response.headers.get('content-type')).toContain('text/csv')
    const csv = Buffer.from(await response.arrayBuffer()).toString()
    const line = csv.split('\r\n').find((text) => text.startsWith('evil@export.test'))
    expect(line).toBe(`evil@export.test,"'=HYPERLINK(""http://x"")",,'+39 1,,"A ""B"", C",`)
    expect(csv).not.toMatch(/(^|,|")[=+@-]/m)
    const again = await importCsv(csv)
    expect(again).toMatchObject({ created: 0, updated: 0, failed: [] })
    expect(again.unchanged).toBeGreaterThan(2_000)
  })

  test('is for whoever may replace the directory', async () => {
    await expect(agent.http.get('/people/export.csv')).rejects.toMatchObject({ status: 403 })
  })
})

import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect } from 'vitest'
import type { Account, AccountPage, CrmUser } from '#core/contracts/accounts.ts'
import type { ImportResult } from '#core/contracts/visitors.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { empty } from '#tests/support/empty.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'

let foyer: TestFoyer
let admin: AgentActor
let dana: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
  dana = await foyer.agent({ name: 'Dana Whitfield', email: 'dana@foyer.test', online: false })
  await foyer.agent({ name: 'Twin', email: 'twin1@foyer.test', online: false })
  await foyer.agent({ name: 'Twin', email: 'twin2@foyer.test', online: false })
})
beforeEach(async () => {
  await empty(foyer.pool, 'accounts, people, people_mirror, companies_mirror, agent_crm_users')
})

const create = (domain: string, more: object = {}) =>
  admin.http.post<Account>('/accounts', { domain, company: null, agentId: dana.id, ...more })
const page = (query = '') => admin.http.get<AccountPage>(`/accounts${query}`)
const listed = async () => (await page()).accounts.map(({ domain, company }) => [domain, company])

describe('by hand', () => {
  test('a domain is taken as people write it, and kept in ASCII', async () => {
    for (const [written, kept] of [
      ['Northwind.TEST', 'northwind.test'],
      [' https://www.contoso.test/about?x=1 ', 'contoso.test'],
      ['@fabrikam.test', 'fabrikam.test'],
      ['tom@mail.adatum.test', 'mail.adatum.test'],
      ['Bücher.example', 'xn--bcher-kva.example'],
      ['例え.jp', 'xn--r8jz45g.jp'],
      ['litware.test.', 'litware.test'],
    ] as const)
      expect((await create(written)).domain).toBe(kept)
  })

  test('what is no company’s domain is refused, and says why', async () => {
    for (const [written, why] of [
      ['', 'A domain is needed'],
      ['northwind', 'is not a domain'],
      ['north wind.test', 'is not a domain'],
      ['-x.test', 'is not a domain'],
      ['192.168.0.1', 'is not a domain'],
      ['[::1]', 'is not a domain'],
      ['x.test:80', 'is not a domain'],
      [`${'a'.repeat(64)}.test`, 'is not a domain'],
      ['gmail.com', 'Anybody can have an address at gmail.com'],
      ['someone@Yahoo.co.uk', 'Anybody can have an address at yahoo.co.uk'],
      ['co.uk', 'Many companies share the ending co.uk'],
    ] as const) {
      const refused = create(written)
      await expect(refused).rejects.toMatchObject({ status: 422, problem: { errors: [{ field: 'domain' }] } })
      await expect(refused).rejects.toThrow(why)
    }
    await expect(create('a\0.test')).rejects.toMatchObject({ status: 422 })
    await expect(create('x.test', { agentId: randomUUID() })).rejects.toMatchObject({
      status: 422,
      problem: { errors: [{ field: 'agentId' }] },
    })
    expect(await listed()).toEqual([])
  })

  test('an account is changed and deleted; a domain is there once', async () => {
    const { id } = await create('northwind.test', { company: ' Northwind ' })
    await expect(create('NORTHWIND.test')).rejects.toMatchObject({ status: 409, code: 'domain_taken' })
    const other = await create('contoso.test')
    await expect(
      admin.http.put(`/accounts/${other.id}`, { domain: 'northwind.test', company: null, agentId: dana.id }),
    ).rejects.toMatchObject({ status: 409, code: 'domain_taken' })
    const changed = await admin.http.put<Account>(`/accounts/${id}`, {
      domain: 'northwind.test',
      company: 'Northwind Traders',
      agentId: admin.id,
    })
    expect(changed).toMatchObject({
      id,
      company: 'Northwind Traders',
      agent: { id: admin.id, name: 'Ada Admin' },
    })
    expect((await admin.http.raw('DELETE', `/accounts/${id}`)).status).toBe(204)
    await expect(admin.http.call('DELETE', `/accounts/${id}`)).rejects.toMatchObject({ status: 404 })
    expect(await listed()).toEqual([['contoso.test', null]])
  })

  test('the list pages through all of them once, and is searched by domain and company', async () => {
    await foyer.pool.query(
      `insert into accounts (id, domain, company, agent_id, updated_at)
       select gen_random_uuid(), 'company' || n || '.test', 'Works ' || n, $1, now() from generate_series(1, 250) n`,
      [dana.id],
    )
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const read: AccountPage = await page(cursor ? `?cursor=${cursor}` : '')
      expect(read.total).toBe(250)
      seen.push(...read.accounts.map(({ domain }) => domain))
      cursor = read.nextCursor
    } while (cursor)
    expect(new Set(seen).size).toBe(250)
    expect((await page('?query=works%20249')).accounts.map(({ domain }) => domain)).toEqual([
      'company249.test',
    ])
    expect((await page('?query=100%25')).total).toBe(0)
    await expect(page('?cursor=x')).rejects.toMatchObject({ status: 422 })
  })

  test('only those who may', async () => {
    for (const call of [
      () => dana.http.get('/accounts'),
      () => dana.http.post('/accounts', {}),
      () => dana.http.get('/accounts/export.csv'),
      () => dana.http.get('/crm-users'),
    ])
      await expect(call()).rejects.toMatchObject({ status: 403 })
  })
})

describe('from a file', () => {
  const send = (csv: string, by = admin) =>
    fetch(`${foyer.origin}/api/v1/accounts/import`, {
      method: 'POST',
      headers: { cookie: by.http.cookie ?? '', 'content-type': 'text/csv', connection: 'close' },
      body: csv,
    })
  const importCsv = async (csv: string): Promise<ImportResult> => {
    const response = await send(csv)
    expect(response.status).toBe(200)
    return (await response.json()) as ImportResult
  }

  test('agents are found by address and by name, columns by the names they usually have', async () => {
    const result = await importCsv(
      '\uFEFFCompany name;Website;Owner;Owner email\r\nNorthwind;https://www.northwind.test;x;DANA@foyer.test\r\n',
    )
    expect(result).toEqual({
      created: 0,
      updated: 0,
      unchanged: 0,
      failed: [{ row: 2, message: '“x” is neither an agent’s e-mail address nor one agent’s name.' }],
    })
    expect(await importCsv('domain,agent\nnorthwind.test,dana whitfield\n')).toMatchObject({
      created: 1,
      failed: [],
    })
  })

  test('a row that cannot be taken says why and where, and the others go in', async () => {
    const result = await importCsv(
      [
        'domain,company,agent',
        'northwind.test,Northwind,dana@foyer.test',
        'gmail.com,Gmail,dana@foyer.test',
        'not a domain,,dana@foyer.test',
        '',
        ',Nobody,dana@foyer.test',
        'contoso.test,,',
        'contoso.test,,Twin',
        'contoso.test,,nobody@foyer.test',
        `contoso.test,${'x'.repeat(201)},dana@foyer.test`,
        'Bücher.example,Bücher,dana@foyer.test',
      ].join('\n'),
    )
    expect(result).toMatchObject({ created: 2, updated: 0, unchanged: 0 })
    expect(result.failed.map(({ row }) => row)).toEqual([3, 4, 6, 7, 8, 9, 10])
    expect(result.failed[0]?.message).toContain('gmail.com')
    expect(result.failed[3]?.message).toBe('The agent is missing.')
    expect(result.failed[4]?.message).toContain('“Twin” is neither')
    expect(await listed()).toEqual([
      ['northwind.test', 'Northwind'],
      ['xn--bcher-kva.example', 'Bücher'],
    ])
  })

  test('the same file again changes nothing, and an empty company leaves what is known', async () => {
    const csv = 'domain,company,agent\nnorthwind.test,Northwind,dana@foyer.test\n'
    expect(await importCsv(csv)).toMatchObject({ created: 1 })
    expect(await importCsv(csv)).toMatchObject({ created: 0, updated: 0, unchanged: 1 })
    expect(
      await importCsv('domain,agent\nnorthwind.test,Ada Admin\nnorthwind.test,dana@foyer.test\n'),
    ).toMatchObject({ created: 0, updated: 0, unchanged: 2 })
    expect(await importCsv('domain,agent\nnorthwind.test,Ada Admin\n')).toMatchObject({ updated: 1 })
    expect(await listed()).toEqual([['northwind.test', 'Northwind']])
  })

  test('an export is inert in a spreadsheet and comes back unchanged', async () => {
    await create('northwind.test', { company: '=HYPERLINK("x")' })
    await create('contoso.test', { company: 'Contoso, Ltd' })
    const csv = await (await admin.http.raw('GET', '/accounts/export.csv')).text()
    expect(csv).toContain(`northwind.test,"'=HYPERLINK(""x"")",dana@foyer.test\r\n`)
    expect(await importCsv(csv)).toEqual({ created: 0, updated: 0, unchanged: 2, failed: [] })
  })

  test('without its columns nothing is taken, nor from those who may not, nor what is no CSV', async () => {
    for (const csv of ['domain\nx.test\n', 'agent\nDana\n', '']) expect((await send(csv)).status).toBe(422)
    expect((await send('domain,agent\nx.test,dana@foyer.test\n', dana)).status).toBe(403)
    await expect(admin.http.post('/accounts/import', {})).rejects.toMatchObject({ status: 415 })
    expect(await listed()).toEqual([])
  })
})

describe('owners in the records', () => {
  const users = async () => (await admin.http.get<{ users: CrmUser[] }>('/crm-users')).users
  const person = (email: string, owner: string | null) =>
    foyer.pool.query(
      `insert into people (id, email, name, owner_email, updated_at) values (gen_random_uuid(), $1, 'Sofia', $2, now())
       on conflict (email) do update set owner_email = excluded.owner_email, updated_at = excluded.updated_at`,
      [email, owner],
    )

  test('the mirror follows the directory, and a value keeps its time until it changes', async () => {
    const mirrored = async () =>
      (await foyer.pool.query(`select email, fields, owner_email from people_mirror`)).rows
    await person('sofia@northwind.test', 'Dana@Foyer.test')
    const [first] = await mirrored()
    expect(first).toMatchObject({ owner_email: 'dana@foyer.test', fields: { name: { value: 'Sofia' } } })
    await foyer.pool.query(`update people set job_title = 'CTO', updated_at = now() + interval '1 hour'`)
    const [then] = await mirrored()
    expect(then.fields.name).toEqual(first.fields.name)
    expect(then.fields.jobTitle.value).toBe('CTO')
    expect(Date.parse(then.fields.jobTitle.at)).toBeGreaterThan(Date.parse(first.fields.name.at))
    await foyer.pool.query('delete from people')
    expect(await mirrored()).toEqual([])
  })

  test('an owner is the agent with the same address, unless an admin says otherwise', async () => {
    await person('a@northwind.test', 'dana@foyer.test')
    await person('b@northwind.test', 'dana@foyer.test')
    await person('c@northwind.test', 'gone@foyer.test')
    const [first, second] = await users()
    expect(first).toMatchObject({
      connector: 'directory',
      user: 'dana@foyer.test',
      records: 2,
      agent: { id: dana.id },
      byHand: false,
    })
    expect(second).toMatchObject({ user: 'gone@foyer.test', agent: null, byHand: false })
    const of = { connector: 'directory', user: 'gone@foyer.test' }
    const set = async (agent: unknown) =>
      (await admin.http.put<{ users: CrmUser[] }>('/crm-users', { ...of, agent })).users[1]
    expect(await set({ by: 'hand', agentId: admin.id })).toMatchObject({
      agent: { id: admin.id },
      byHand: true,
    })
    expect(await set({ by: 'hand', agentId: null })).toMatchObject({ agent: null, byHand: true })
    expect(await set({ by: 'email' })).toMatchObject({ agent: null, byHand: false })
    await expect(set({ by: 'hand', agentId: randomUUID() })).rejects.toMatchObject({ status: 422 })
    await expect(set({ by: 'guess' })).rejects.toMatchObject({ status: 422 })
    await expect(dana.http.put('/crm-users', { ...of, agent: { by: 'email' } })).rejects.toMatchObject({
      status: 403,
    })
  })
})

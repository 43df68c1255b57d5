import { hash, verify } from '@node-rs/argon2'
import { expect, test } from 'vitest'
import type { Problem } from '#core/contracts/common.ts'
import { anAgent, password } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'

/** Behind one proxy, so that attempts can come from anywhere. */
const start = () => startFoyer({ config: { trustedProxies: 1 }, workers: false })
const from = (address: string) => ({ 'x-forwarded-for': address })
let addresses = 0
const anywhere = () => from(`198.51.${++addresses >> 8}.${addresses & 255}`)

async function attempt(
  foyer: TestFoyer,
  email: unknown,
  given: unknown,
  headers = anywhere(),
): Promise<{ status: number; code: string | undefined; response: Response }> {
  const http = new HttpClient(foyer.origin)
  const response = await http.raw('POST', '/sign-in', { email, password: given }, headers)
  const { code } = (await response.json()) as Partial<Problem>
  return { status: response.status, code, response }
}

test('an address and its password open a session, however they are written', async () => {
  const foyer = await start()
  const agent = await anAgent(foyer.pool, foyer.clock.now(), { email: 'dana@foyer.test' })
  for (const email of [agent.email, 'DANA@Foyer.TEST', '  dana@foyer.test '])
    expect((await attempt(foyer, email, password)).status).toBe(200)
  for (const given of ['', 'wrong', password.toUpperCase(), `${password} `, `${password}\0`])
    expect(await attempt(foyer, agent.email, given)).toMatchObject({ status: 401, code: 'wrong_credentials' })
  for (const [email, given] of [
    ['x'.repeat(255), password],
    [agent.email, 'x'.repeat(201)],
    [null, password],
    [agent.email, [password]],
  ])
    expect(await attempt(foyer, email, given)).toMatchObject({ status: 422, code: 'invalid_input' })
  await foyer.close()
})

test('nobody learns from an answer whether an address belongs to an agent', async () => {
  const foyer = await start()
  const now = foyer.clock.now()
  const [known, left] = [await anAgent(foyer.pool, now), await anAgent(foyer.pool, now)]
  // as it is stored for customers, not as cheaply as for tests
  await foyer.pool.query('update agents set password_hash = $1', [await hash(password)])
  await foyer.pool.query('update agents set active = false where id = $1', [left.id])
  const nobody = 'nobody@foyer.test'
  const answers = await Promise.all(
    [known.email, left.email, nobody, 'not an address', "' or true --", '\0'].map((email) =>
      attempt(foyer, email, 'a wrong guess'),
    ),
  )
  expect(new Set(answers.map(({ status, code }) => `${status} ${code}`))).toEqual(
    new Set(['401 wrong_credentials']),
  )
  // with the right password a deactivated one is as unknown
  expect((await attempt(foyer, left.email, password)).code).toBe('wrong_credentials')

  // Known or not, each attempt costs the checking of a hash, which is most of the time it takes. Counted in processor
  // time of this process: what the clock says depends on whoever else uses the machine.
  const costly = await hash(password)
  const attempts = {
    check: () => verify(costly, 'a wrong guess'),
    known: () => attempt(foyer, known.email, 'a wrong guess'),
    nobody: () => attempt(foyer, nobody, 'a wrong guess'),
  }
  const least = { check: Infinity, known: Infinity, nobody: Infinity }
  for (let n = 0; n < 8; n++)
    for (const name of ['check', 'known', 'nobody'] as const) {
      const before = process.cpuUsage()
      await attempts[name]()
      const { user, system } = process.cpuUsage(before)
      least[name] = Math.min(least[name], user + system)
    }
  expect(least.known).toBeGreaterThan(least.check / 2)
  expect(least.nobody).toBeGreaterThan(least.check / 2)
  await foyer.close()
})

test('guessing is slowed for one account, for one address, and for both together', async () => {
  const foyer = await start()
  const agent = await anAgent(foyer.pool, foyer.clock.now(), { email: 'marco@foyer.test' })
  const guess = async (email: string, headers?: { 'x-forwarded-for': string }) =>
    (await attempt(foyer, email, 'guess', headers)).status

  // one account from one address, however the account is spelt
  const spellings = [
    'marco@foyer.test',
    ' marco@foyer.test',
    'Marco@Foyer.test',
    'marco@foyer.test\0',
    'marco@foyer.test\t',
  ]
  const statuses: number[] = []
  for (let n = 0; n < 15; n++)
    statuses.push(await guess(spellings[n % spellings.length] ?? '', from('203.0.113.1')))
  expect(statuses.filter((status) => status === 401)).toHaveLength(10)
  expect(statuses.slice(10)).toEqual([429, 429, 429, 429, 429])
  const refused = await attempt(foyer, agent.email, password, from('203.0.113.1'))
  expect(refused).toMatchObject({ status: 429, code: 'rate_limited' })
  expect(Number(refused.response.headers.get('retry-after'))).toBeGreaterThan(0)
  // the agent, elsewhere, is not locked out by it
  expect((await attempt(foyer, agent.email, password, from('203.0.113.2'))).status).toBe(200)

  // many accounts from one address
  await foyer.pool.query(
    `insert into agents (id, email, name, password_hash, profile, live_chat_schedule, created_at)
     select gen_random_uuid(), n || '@foyer.test', name, password_hash, profile, live_chat_schedule, created_at
     from agents, generate_series(1, 130) n`,
  )
  const many: number[] = []
  for (let n = 1; n <= 130; n++) many.push(await guess(`${n}@foyer.test`, from('203.0.113.3')))
  expect(many.filter((status) => status === 401)).toHaveLength(120)
  // one account from many addresses
  const spread: number[] = []
  for (let n = 0; n < 110; n++) spread.push(await guess('130@foyer.test'))
  expect(spread.filter((status) => status === 401)).toHaveLength(100)
  await foyer.close()
})

test('signing out ends the session for good, and only this one', async () => {
  const foyer = await start()
  const row = await anAgent(foyer.pool, foyer.clock.now())
  const [one, other] = [
    await foyer.signIn(row, { online: false }),
    await foyer.signIn(row, { online: false }),
  ]
  const response = await one.http.raw('POST', '/sign-out', {})
  expect(response.status).toBe(204)
  expect(response.headers.getSetCookie()[0]).toMatch(/^foyer_session=;.*Expires=Thu, 01 Jan 1970/)
  await expect(one.http.get('/me')).rejects.toMatchObject({ status: 401, code: 'not_signed_in' })
  expect((await other.http.get<{ id: string }>('/me')).id).toBe(row.id)
  // neither the token nor anything that opens a session is stored
  const { rows } = await foyer.pool.query<{ session: string }>('select s::text as session from sessions s')
  const token = other.http.cookie?.split('=')[1] ?? ''
  expect(rows).toHaveLength(1)
  expect(rows[0]?.session).not.toContain(token)
  expect(rows[0]?.session).not.toContain(Buffer.from(token).toString('hex'))
  foyer.clock.advance(14 * 24 * 60 * 60_000)
  await expect(other.http.get('/me')).rejects.toMatchObject({ status: 401 })
  await foyer.close()
})

test('a host that changes its IPv6 address is the one it was', async () => {
  const foyer = await start()
  const agent = await anAgent(foyer.pool, foyer.clock.now())
  const guess = async (n: number, network: string) =>
    (await attempt(foyer, agent.email, 'a wrong guess', from(`${network}::${n.toString(16)}`))).status
  for (let n = 1; n <= 10; n++) expect(await guess(n, '2001:db8:0:1')).toBe(401)
  expect(await guess(11, '2001:db8:0:1')).toBe(429)
  expect(await guess(11, '2001:db8:0:2')).toBe(401)
  await foyer.close()
})

test('a session that ran out is forgotten when its agent signs in again', async () => {
  const foyer = await start()
  const agent = await anAgent(foyer.pool, foyer.clock.now())
  const sessions = async () => (await foyer.pool.query('select from sessions')).rowCount
  await attempt(foyer, agent.email, password)
  await attempt(foyer, agent.email, password)
  expect(await sessions()).toBe(2)
  foyer.clock.advance(15 * 24 * 60 * 60_000)
  expect((await attempt(foyer, agent.email, password)).status).toBe(200)
  expect(await sessions()).toBe(1)
  await foyer.close()
})

test('a password that is being changed opens no session that outlives the change', async () => {
  const foyer = await start()
  const agent = await anAgent(foyer.pool, foyer.clock.now())
  const changing = await foyer.pool.connect()
  // as changeAgent does, and not yet committed
  await changing.query('begin')
  await changing.query('update agents set password_hash = $1 where id = $2', [
    await hash('another horse battery staple'),
    agent.id,
  ])
  await changing.query('delete from sessions where agent_id = $1', [agent.id])
  let answered = false
  const late = attempt(foyer, agent.email, password).finally(() => {
    answered = true
  })
  await waitFor('the sign-in has come as far as it can', async () => {
    const { rows } = await foyer.pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return answered || rows.length > 0
  })
  await changing.query('commit')
  changing.release()
  expect(await late).toMatchObject({ status: 401, code: 'wrong_credentials' })
  expect((await foyer.pool.query('select from sessions')).rowCount).toBe(0)
  expect((await attempt(foyer, agent.email, 'another horse battery staple')).status).toBe(200)
  await foyer.close()
})

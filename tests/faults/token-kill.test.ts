// @module-tag first-try
import { randomBytes } from 'node:crypto'
import type { Pool } from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { SalesforceStandIn } from '#connectors/salesforce/stand-in/index.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import type { Connection } from '#core/contracts/connections.ts'
import type { ConnectionSync } from '#core/contracts/sync.ts'
import { createPool } from '#core/db/pool.ts'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import {
  type AnAgent,
  aConversation,
  anAgent,
  anOrganisation,
  aSite,
  aVisitor,
} from '#tests/support/factories.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { within } from '#tests/support/soak.ts'
import { waitFor } from '#tests/support/wait.ts'

/**
 * Foyer asks Salesforce for new tokens because a chat is to be logged, is answered, and is killed before it has stored them.
 * It knows only the refresh token that it had: whether that is still good is the organisation's choice.
 */
const salesforce = new SalesforceStandIn()
let database: ScratchDatabase
let pool: Pool
let closeSalesforce: () => Promise<void>
let environment: NodeJS.ProcessEnv
let row: AnAgent
let siteId = ''
let foyer: ServerProcess
let admin: AgentActor
let aheadMs = 0

beforeAll(async () => {
  database = await scratchDatabase()
  pool = createPool(database.url, 3, 'token-kill')
  const served = await serveStandIn(salesforce.handle)
  closeSalesforce = served.close
  environment = {
    FOYER_DATABASE_URL: database.url,
    FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    FOYER_DATA_DIR: await folderForFile('token-kill'),
    FOYER_PUBLIC_URL: 'https://foyer.example.com',
    FOYER_SALESFORCE_URL: served.origin,
    FOYER_LOG_LEVEL: 'fatal',
  }
  await anOrganisation(pool, new Date())
  siteId = (await aSite(pool, new Date())).id
  row = await anAgent(pool, new Date(), { profile: 'admin' })
  await start()
}, within(120_000))
afterAll(async () => {
  await foyer?.kill()
  await closeSalesforce()
  await pool.end()
  await database.drop()
})

/** Its clock is later than whatever the one before it has held for itself. */
async function start(): Promise<void> {
  aheadMs += 60_000
  const FOYER_TEST_CLOCK = new Date(Date.now() + aheadMs).toISOString()
  foyer = await startFoyerProcess('start', { ...environment, FOYER_TEST_CLOCK })
  admin = await AgentActor.signIn(foyer.origin, row.email, row.password, { online: false })
}

const connection = (id: string) => admin.http.get<Connection>(`/connections/${id}`)

/** As the page of the connection shows them. */
const writes = async (id: string) => (await admin.http.get<ConnectionSync>(`/connections/${id}/sync`)).writes

/** As an admin does it in the browser. */
async function connect(id: string): Promise<void> {
  const { url } = await admin.http.post<{ url: string }>(`/connections/${id}/authorize`)
  const agreed = await fetch(url, { redirect: 'manual', headers: { connection: 'close' } })
  const { pathname, search } = new URL(agreed.headers.get('location') ?? '')
  const headers = { cookie: admin.http.cookie ?? '', connection: 'close' }
  await fetch(foyer.origin + pathname + search, { redirect: 'manual', headers })
}

/** Connected, written to, and everybody is read. */
async function connected(): Promise<string> {
  const { id } = await admin.http.post<Connection>('/connections', {
    connector: 'salesforce',
    clientId: 'foyer-demo',
    clientSecret: 'foyer-demo-secret',
    settings: { environment: 'production' },
  })
  await connect(id)
  await pool.query('update connections set previewed_at = now(), writing_on = true where id = $1', [id])
  await waitFor('everybody is read', async () => {
    const { rows } = await pool.query(
      `select from connection_sync where connection_id = $1 and import_state = 'done' and polled_at is not null`,
      [id],
    )
    return rows.length === 1
  })
  return id
}

async function chatEnds(email: string): Promise<void> {
  const now = new Date()
  const visitor = await aVisitor(pool, now, { siteId, name: 'Sofia Ricci', email })
  const chat = await aConversation(pool, now, { siteId, visitorId: visitor.id, agentId: row.id })
  await admin.http.post(`/conversations/${chat}/end`)
}

/** Kills Foyer when Salesforce has answered the renewal and nothing of the answer is stored. */
async function killBeforeStoring(id: string, email: string): Promise<void> {
  const hold = await pool.connect()
  try {
    await hold.query('begin')
    // what says where the organisation is stands in the answer too, and is written in the same transaction
    await hold.query('select from connections where id = $1 for no key update', [id])
    salesforce.oauth.expireSessions()
    await pool.query('update connection_secrets set expires_at = now() where connection_id = $1', [id])
    const { refreshes } = salesforce.oauth
    await chatEnds(email)
    await waitFor('it is to be stored', async () => {
      const { rows } = await pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
           and query like '%update connections set account%'`,
      )
      return rows.length > 0
    })
    expect(salesforce.oauth.refreshes).toBe(refreshes + 1)
    await foyer.kill()
  } finally {
    await hold.query('rollback')
    hold.release()
  }
}

const peopleWith = (email: string) =>
  ['Contact', 'Lead'].flatMap((type) =>
    [...salesforce.org.rows(type).values()].filter((person) => person.Email === email),
  )
const chatsLogged = () => [...salesforce.org.rows('Task').values()].length
const putAside = async () =>
  (await pool.query(`select from crm_writes where state = 'open' and held`)).rowCount

beforeEach(() => pool.query('delete from connections'))

test('where the refresh token before is still good, what was to be written is, and nobody notices', {
  timeout: within(120_000),
}, async () => {
  salesforce.oauth.policy.rotates = false
  const id = await connected()
  const before = chatsLogged()
  await killBeforeStoring(id, 'first@northwind.test')
  expect(peopleWith('first@northwind.test')).toEqual([])
  await start()
  await waitFor('the chat is logged', () => chatsLogged() > before)
  expect(chatsLogged()).toBe(before + 1)
  expect(peopleWith('first@northwind.test')).toHaveLength(1)
  expect(await connection(id)).toMatchObject({ state: 'active', stateText: 'Connected.' })
})

test('where it died with the answer, an admin is asked to connect again, and what was to be written waits for that', {
  timeout: within(120_000),
}, async () => {
  salesforce.oauth.policy.rotates = true
  const id = await connected()
  const before = chatsLogged()
  await killBeforeStoring(id, 'second@northwind.test')
  await start()
  await waitFor('it is put aside', async () => (await putAside()) === 1)
  // one that ends meanwhile waits too
  await chatEnds('third@northwind.test')
  await waitFor('both are put aside', async () => (await putAside()) === 2)
  expect(await connection(id)).toMatchObject({
    state: 'broken',
    stateText:
      'The provider does not accept our access any more: it was revoked or has run out. Connect again.',
  })
  expect(await writes(id)).toMatchObject({ open: 2, failed: 0 })
  expect(salesforce.oauth.deadRefreshes).toBe(1)
  expect(chatsLogged()).toBe(before)

  await connect(id)
  await waitFor('both chats are logged', async () => (await writes(id)).open === 0)
  expect(chatsLogged()).toBe(before + 2)
  for (const email of ['second@northwind.test', 'third@northwind.test'])
    expect(peopleWith(email)).toHaveLength(1)
  expect(await writes(id)).toMatchObject({ open: 0, failed: 0 })
  expect(await connection(id)).toMatchObject({ state: 'active', stateText: 'Connected.' })
})

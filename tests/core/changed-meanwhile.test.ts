import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { Account, CrmUser } from '#core/contracts/accounts.ts'
import type { Agent } from '#core/contracts/agents.ts'
import type { CannedReply } from '#core/contracts/canned-replies.ts'
import type { MailSettings } from '#core/contracts/mail.ts'
import type { OutcomeList } from '#core/contracts/outcomes.ts'
import type { RoutingRule, RuleList } from '#core/contracts/routing-rules.ts'
import type { Site } from '#core/contracts/sites.ts'
import type { Team } from '#core/contracts/teams.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { roundTheClock } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'

/** Two admins work on one thing: the second to save is told, and nothing is lost. */

let foyer: TestFoyer
let ada: AgentActor
let bob: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  ada = await foyer.agent({ name: 'Ada', profile: 'admin', online: false })
  bob = await foyer.agent({ name: 'Bob', profile: 'admin', online: false })
})

interface Thing {
  path: string
  version: string
  /** What is sent, changed a little. */
  as: (name: string) => Record<string, unknown>
  /** How that is read again, where it is not the same. */
  shows?: (name: string) => Record<string, unknown>
  /** What stands there. */
  read: () => Promise<Record<string, unknown> & { version: string }>
  /** Its version after a change, where the answer is about more than it. */
  after?: () => Promise<string>
  what: string
  who: string
}

/** In the answer, or where that is fixed, in its header. */
const versionIn = async (response: Response) =>
  response.headers.get('etag')?.replaceAll('"', '') ??
  ((await response.json()) as { version: string }).version
const put = (by: AgentActor, { path }: Thing, body: unknown, ifMatch?: string) =>
  by.http.raw('PUT', path, body, ifMatch === undefined ? {} : { 'if-match': ifMatch })

const things: Record<string, () => Promise<Thing>> = {
  async rule() {
    const rule = {
      enabled: true,
      conditions: {
        type: 'group',
        match: 'all',
        conditions: [{ type: 'condition', fact: 'visitor.company', operator: 'is', value: 'Contoso' }],
      },
      target: { type: 'agents', agentIds: [ada.id] },
    }
    const { id, version } = await ada.http.post<RoutingRule>('/routing-rules', { name: 'Rule', ...rule })
    return {
      path: `/routing-rules/${id}`,
      version,
      as: (name) => ({ name, ...rule }),
      read: async () =>
        (await ada.http.get<RuleList>('/routing-rules')).rules.find((one) => one.id === id) as RoutingRule,
      what: 'rule',
      who: 'Ada',
    }
  },
  async team() {
    const own = randomUUID()
    const { id, version } = await ada.http.post<Team>('/teams', { name: `Team ${own}`, agentIds: [] })
    return {
      path: `/teams/${id}`,
      version,
      as: (name) => ({ name: `${name} ${own}`, agentIds: [ada.id, bob.id] }),
      shows: (name) => ({ name: `${name} ${own}`, members: [{ id: ada.id }, { id: bob.id }] }),
      read: async () =>
        (await ada.http.get<{ teams: Team[] }>('/teams')).teams.find((one) => one.id === id) as Team,
      what: 'team',
      who: 'Ada',
    }
  },
  async site() {
    const site = await ada.http.post<Site>('/sites', { name: 'Site', allowedOrigins: [] })
    const { id, version, settings, allowedOrigins } = site
    return {
      path: `/sites/${id}`,
      version,
      as: (name) => ({ name, allowedOrigins, settings, route: { by: 'agent', agentId: ada.id } }),
      read: async () =>
        (await ada.http.get<{ sites: Site[] }>('/sites')).sites.find((one) => one.id === id) as Site,
      what: 'site',
      who: 'Ada',
    }
  },
  async schedule() {
    const read = async () => {
      const { agents } = await ada.http.get<{ agents: Agent[] }>('/agents')
      const { liveChatSchedule, liveChatScheduleVersion } = agents.find(({ id }) => id === bob.id) as Agent
      return { ...liveChatSchedule, version: liveChatScheduleVersion }
    }
    return {
      path: `/agents/${bob.id}/live-chat-schedule`,
      version: (await read()).version,
      as: (name) => ({ ...roundTheClock, datesOff: [`2027-01-0${1 + (name.length % 9)}`] }),
      read,
      what: 'schedule',
      who: 'Ada',
    }
  },
  async account() {
    const domain = `${randomUUID()}.test`
    const account = { domain, company: null, agentId: ada.id }
    const { id, version } = await ada.http.post<Account>('/accounts', account)
    return {
      path: `/accounts/${id}`,
      version,
      as: (name) => ({ domain, company: name, agentId: bob.id }),
      shows: (name) => ({ domain, company: name, agent: { id: bob.id } }),
      read: async () =>
        (await ada.http.get<{ accounts: Account[] }>(`/accounts?query=${domain}`)).accounts[0] as Account,
      what: 'account',
      who: 'Ada',
    }
  },
  async owner() {
    const user = `${randomUUID()}@sales.test`
    await foyer.pool.query(
      `insert into people (id, email, name, owner_email, updated_at)
       values (gen_random_uuid(), $1, 'Sofia', $2, now())`,
      [`${randomUUID()}@northwind.test`, user],
    )
    const read = async () =>
      (await ada.http.get<{ users: CrmUser[] }>('/crm-users')).users.find(
        (one) => one.user === user,
      ) as CrmUser
    const agentOf = (name: string) => (name === 'A' ? ada.id : name === 'Bobs' ? bob.id : null)
    return {
      path: '/crm-users',
      version: (await read()).version,
      as: (name) => ({ connector: 'directory', user, agent: { by: 'hand', agentId: agentOf(name) } }),
      shows: (name) => ({ user, byHand: true, agent: { id: agentOf(name) } }),
      read,
      after: async () => (await read()).version,
      what: 'owner',
      who: 'Ada',
    }
  },
  async 'canned reply'() {
    const shortcut = randomUUID()
    const reply = { shared: true, shortcut, text: 'Hello' }
    const { id, version } = await ada.http.post<CannedReply>('/canned-replies', reply)
    return {
      path: `/canned-replies/${id}`,
      version,
      as: (text) => ({ ...reply, text }),
      read: async () =>
        (await ada.http.get<{ replies: CannedReply[] }>('/canned-replies')).replies.find(
          (one) => one.id === id,
        ) as CannedReply,
      what: 'canned reply',
      who: 'Ada',
    }
  },
  async 'list of outcomes'() {
    const own = randomUUID().slice(0, 8)
    const read = () => ada.http.get<OutcomeList>('/outcomes')
    return {
      path: '/outcomes',
      version: (await read()).version,
      as: (name) => ({ outcomes: [{ key: 'spam', label: `${name} ${own}` }] }),
      shows: (name) => ({
        outcomes: expect.arrayContaining([{ key: 'spam', label: `${name} ${own}`, offered: true }]),
      }),
      read,
      what: 'list',
      who: 'Ada',
    }
  },
  async 'page of mail settings'() {
    const read = () => ada.http.get<MailSettings>('/mail-settings')
    return {
      path: '/mail-settings',
      version: (await read()).version,
      as: (fromName) => ({ fromName, fromAddress: null, replyTo: 'sales@meridian.test' }),
      read,
      what: 'page',
      who: 'Ada',
    }
  },
}

test.each(Object.keys(things))('of two who change one %s, the second is told and decides', async (name) => {
  const thing = await (things[name] as () => Promise<Thing>)()
  const first = await put(ada, thing, thing.as('A'), `"${thing.version}"`)
  expect(first.status).toBe(200)
  const version = await (thing.after?.() ?? versionIn(first))
  expect(version).not.toBe(thing.version)
  expect((await thing.read()).version).toBe(version)

  const second = await put(bob, thing, thing.as('Bobs'), `"${thing.version}"`)
  expect(second.status).toBe(409)
  const current = await thing.read()
  expect(await second.json()).toMatchObject({
    code: 'changed_meanwhile',
    detail: `${thing.who} has changed this ${thing.what} since you opened it. Load it as it is now, or keep yours.`,
    current: JSON.parse(JSON.stringify(current)),
  })
  // nothing was saved; keeping theirs over it is their own decision
  expect(current).toMatchObject((thing.shows ?? thing.as)('A'))
  const kept = await put(bob, thing, thing.as('Bobs'), `"${version}"`)
  expect(kept.status).toBe(200)
  expect(await thing.read()).toMatchObject((thing.shows ?? thing.as)('Bobs'))
  // a change that was taken back is none, and who does not say replaces whatever is there
  expect((await put(ada, thing, thing.as('A'), `W/"${(await thing.read()).version}"`)).status).toBe(200)
  expect((await put(bob, thing, thing.as('Bobs'), `"${version}"`)).status).toBe(200)
  for (const ifMatch of [undefined, '*', ''])
    expect((await put(bob, thing, thing.as('Once more'), ifMatch)).status).toBe(200)
})

test.each(Object.keys(things).filter((name) => name !== 'schedule'))(
  'of twelve who save one %s at once, one does',
  async (name) => {
    const thing = await (things[name] as () => Promise<Thing>)()
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        put(n % 2 ? ada : bob, thing, thing.as(`Version ${n}`), `"${thing.version}"`),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(11).fill(409)])
  },
)

test('whoever imported accounts, changed a schedule of several, or one’s own in another window, is named', async () => {
  const { read, path, as } = await (things.account as () => Promise<Thing>)()
  const account = await read()
  const csv = `domain,company,agent\n${account.domain},Imported,${bob.me.email}\n`
  await ada.http.raw('POST', '/accounts/import', csv, { 'content-type': 'text/csv' })
  const told = async (by: AgentActor, path: string, body: unknown, version: string) => {
    const answer = await by.http.raw('PUT', path, body, { 'if-match': `"${version}"` })
    expect(answer.status).toBe(409)
    return ((await answer.json()) as { detail: string }).detail
  }
  expect(await told(bob, path, as('Bobs'), account.version)).toMatch(/^Ada has changed this account since/)

  const schedule = await (things.schedule as () => Promise<Thing>)()
  const { version } = await schedule.read()
  await ada.http.post('/agents/schedules', { agentIds: [bob.id], addDatesOff: ['2027-03-01'] })
  expect(await told(bob, schedule.path, schedule.as('Bobs'), version)).toMatch(
    /^Ada has changed this schedule/,
  )
  const between = (await schedule.read()).version
  expect((await put(bob, schedule, schedule.as('Once'), `"${between}"`)).status).toBe(200)
  expect(await told(bob, schedule.path, schedule.as('Again and'), between)).toMatch(
    /^You have changed this schedule in another window since/,
  )

  const calendar = `/agents/${bob.id}/meeting-settings`
  const first = await bob.http.raw('GET', calendar)
  const settings = (await first.json()) as object
  const etag = await versionIn(first)
  await ada.http.put(calendar, { ...settings, noticeMinutes: 5 })
  expect(await told(bob, calendar, { ...settings, noticeMinutes: 9 }, etag)).toMatch(
    /^Ada has changed this calendar/,
  )
})

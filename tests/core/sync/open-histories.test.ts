import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { KnownHistory } from '#connectors/sdk/crm.ts'
import type { Visitor } from '#core/contracts/visitors.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import type { MemoryCrm } from '#tests/support/memory-crm.ts'
import { waitFor } from '#tests/support/wait.ts'
import { untilPolled } from './polled.ts'

/** Histories that somebody has open: what comes to them and leaves them in the CRM, whatever its feed tells of that. */

const email = 'sofia.ricci@northwind.test'

test('what leaves an open history is missed in it: what the feed tells of at once, all else after ten minutes', async () => {
  const {
    foyer,
    crms: [crm],
  } = await foyerWithCrms(['acme'])
  const until = (what: string, check: () => Promise<boolean>) => untilPolled(foyer, what, check)
  const person = crm.put({ emails: [email], fields: { name: 'Sofia' } })
  const call = crm.addActivity(person.id, { title: 'A call', kind: 'call', at: foyer.clock.now() })
  const other = crm.addActivity(person.id, { title: 'Of another', kind: 'call', at: foyer.clock.now() })
  await crm.connect(foyer.app.services)
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email } })
  const { id } = await visitor.asks()
  await agent.accepts(id)
  const history = async () => JSON.stringify(await agent.http.get(`/visitors/${visitor.id}/activities`))
  await waitFor('it is read', async () => (await history()).includes('A call'))
  const told = async (name: string) => {
    crm.put({ emails: [`${name}@northwind.test`], fields: { name } })
    await until(`${name} is heard of`, async () => {
      const { rowCount } = await foyer.pool.query(
        `select from people_mirror where fields -> 'name' ->> 'value' = $1`,
        [name],
      )
      return rowCount === 1
    })
  }
  // the feed repeats its last three, and the calls are two of them
  for (const name of ['First', 'Second', 'Third', 'Fourth']) await told(name)
  crm.activities.set(person.id, [call])
  crm.feed.push({ type: 'activity_changed', id: other.id })
  await until('what was taken from them is missed', async () => !(await history()).includes('Of another'))
  for (const name of ['Fifth', 'Sixth', 'Seventh', 'Eighth']) await told(name)
  crm.activities.delete(person.id)
  const asked = () => crm.callsOf('activities').length
  const before = asked()
  await told('Ninth')
  expect(asked()).toBe(before)
  // not silent for so long that the chat ends
  for (const words of ['One moment.', 'Still looking.']) {
    await agent.says(id, words)
    foyer.clock.advance(5 * 60_000)
  }
  await until('it is missed', async () => !(await history()).includes('A call'))
  expect(asked()).toBe(before + 1)
  await agent.ends(id)
})

for (const action of ['findPerson', 'activities'] as const)
  test(`what a CRM did not answer when the chat began is asked for again with the next poll that it answers (${action})`, async () => {
    const {
      foyer,
      crms: [crm],
    } = await foyerWithCrms(['acme'])
    const person = crm.put({ emails: [email], fields: { name: 'Sofia' } })
    crm.addActivity(person.id, { title: 'A call', kind: 'call', at: foyer.clock.now() })
    // the feed repeats its last three, and the call is none of them
    for (const name of ['First', 'Second', 'Third'])
      crm.put({ emails: [`${name}@northwind.test`], fields: { name } })
    await crm.connect(foyer.app.services)
    await untilPolled(foyer, 'everybody is read', async () => {
      const { rows } = await foyer.pool.query(`select from connection_sync where import_state = 'done'`)
      return rows.length === 1
    })
    const agent = await foyer.agent()
    const visitor = await foyer.visitor({ fields: { email } })
    crm.next(action, 'down')
    const { id } = await visitor.asks()
    await agent.accepts(id)
    const problem = async () =>
      (await agent.http.get<Visitor>(`/visitors/${visitor.id}`)).crms[0]?.problem ?? null
    const history = async () => JSON.stringify(await agent.http.get(`/visitors/${visitor.id}/activities`))
    await waitFor('the panel says so', async () => (await problem()) === 'The CRM does not answer.')
    // it goes on not to answer
    const polls = crm.callsOf('changes').length
    crm.next('changes', 'down')
    await untilPolled(foyer, 'it is asked', () => crm.callsOf('changes').length > polls)
    await untilPolled(foyer, 'it is read', async () => (await history()).includes('A call'))
    expect(await problem()).toBeNull()
    expect(crm.callsOf('findPerson')).toHaveLength(2)
    await agent.ends(id)
  })

describe('a CRM that can say whose history is not as it is known', () => {
  let foyer: TestFoyer
  let crm: MemoryCrm
  let forget: () => Promise<void>
  beforeAll(async () => {
    ;({
      foyer,
      crms: [crm],
      forget,
    } = await foyerWithCrms(['acme'], { crm: { tellsStale: true } }))
  })
  beforeEach(() => forget())
  const polled = (what: string, check: () => Promise<boolean>) => untilPolled(foyer, what, check)
  const feed = (histories: boolean) =>
    crm.callsOf('changes').filter(([, asked]) => (asked as { histories: boolean }).histories === histories)
      .length
  const asked = (histories: boolean) => {
    const before = feed(histories)
    return polled(
      `it is asked, ${histories ? 'with' : 'without'} histories`,
      async () => feed(histories) > before,
    )
  }

  const lastAsked = () => (crm.callsOf('staleHistories').at(-1)?.[0] ?? []) as KnownHistory[]

  test('is asked about whoever did nothing yet, and of a long history about the newest thousand', async () => {
    crm.pageSize = 1_100
    const person = crm.put({ emails: [email], fields: { name: 'Sofia' } })
    await crm.connect(foyer.app.services)
    const agent = await foyer.agent()
    const visitor = await foyer.visitor({ fields: { email } })
    const { id } = await visitor.asks()
    await agent.accepts(id)
    await polled('it is asked', async () => lastAsked()[0]?.activityIds.length === 0)
    const now = foyer.clock.now().getTime()
    for (let i = 1; i <= 1_001; i++)
      crm.addActivity(person.id, { kind: 'call', at: new Date(now - i * 1_000) })
    await polled('it is asked again', async () => lastAsked()[0]?.activityIds.length === 1_000)
    expect(lastAsked()[0]?.since).toEqual(new Date(now - 1_000_000))
    await agent.ends(id)
  })

  test('is asked about those somebody talks with, and for nobody’s activities before and afterwards', async () => {
    const person = crm.put({ emails: [email], fields: { name: 'Sofia' } })
    const call = crm.addActivity(person.id, { title: 'A call', kind: 'call', at: foyer.clock.now() })
    await crm.connect(foyer.app.services)
    await asked(false)
    const agent = await foyer.agent()
    const visitor = await foyer.visitor({ fields: { email } })
    const { id } = await visitor.asks()
    await agent.accepts(id)
    const history = async () => JSON.stringify(await agent.http.get(`/visitors/${visitor.id}/activities`))
    await waitFor('it is read', async () => (await history()).includes('A call'))
    await asked(true)
    await polled(
      'it is asked what has become of the call',
      async () => crm.callsOf('staleHistories').length > 0,
    )
    const [known] = lastAsked()
    expect(known).toMatchObject({ ref: { type: 'Contact', id: person.id }, activityIds: [call.id] })
    expect(known && known.readAt.getTime() - known.since.getTime()).toBe(90 * 86_400_000)
    // the feed repeats its last three, and the call is one of them
    for (const name of ['First', 'Second', 'Third', 'Fourth'])
      crm.put({ emails: [`${name}@northwind.test`], fields: { name } })
    await asked(true)
    await asked(true)
    crm.activities.delete(person.id)
    await polled('it is missed', async () => !(await history()).includes('A call'))

    crm.addActivity(person.id, { title: 'A second call', kind: 'call', at: foyer.clock.now() })
    await polled('the history follows', async () => (await history()).includes('A second call'))
    // deleted without a word, and the history with them
    crm.people.delete(person.id)
    crm.activities.delete(person.id)
    crm.gone.set(person.id, { erase: false })
    const panel = () => agent.http.get<Visitor>(`/visitors/${visitor.id}`)
    expect((await panel()).name).toBe('Sofia')
    await polled('they are missed, too', async () => (await panel()).name === null)
    expect(await history()).not.toContain('A second call')
    await agent.ends(id)
    await asked(false)
  })
})

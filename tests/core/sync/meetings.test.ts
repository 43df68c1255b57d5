import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { CrmWrite } from '#core/contracts/sync.ts'
import { promiseMeetingLog } from '#core/features/write-back/orders.ts'
import { change } from '#core/services.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import type { MemoryCrm } from '#tests/support/memory-crm.ts'
import { waitFor } from '#tests/support/wait.ts'
import { readWrites } from './writes.ts'

let foyer: TestFoyer
let crm: MemoryCrm
let forget: () => Promise<void>
let admin: AgentActor
let people = 0
let email = ''
let connection = ''

beforeAll(async () => {
  ;({
    foyer,
    crms: [crm],
    forget,
  } = await foyerWithCrms(['acme']))
  admin = await foyer.agent({ profile: 'admin', online: false })
})
beforeEach(async () => {
  await forget()
  email = `guest${++people}@northwind.test`
})

const connect = async (writeBack: object = {}) => {
  connection = await crm.connectWriting(foyer.app.services, writeBack)
}

/** A meeting of somebody who never was a visitor. */
async function aMeeting(state: 'held' | 'booked' = 'booked') {
  const id = randomUUID()
  const start = new Date(foyer.clock.now().getTime() + 86_400_000)
  await foyer.pool.query(
    `insert into meetings (id, agent_id, state, name, email, note, start_at, end_at, time_zone, wall_time, agent_time_zone,
       agent_wall_time, title, body, video_url, event_id, held_at, booked_at, changed_at)
     values ($1, $2, $3, 'Ada Example', $4, 'About prices.', $5, $6, 'UTC', '', 'UTC', '', 'Demo', 'Booked in the chat.',
       'https://meet.example/1', $7, $8, case when $3 = 'booked' then $8::timestamptz end, $8)`,
    [id, admin.id, state, email, start, new Date(start.getTime() + 1_800_000), `e${id}`, foyer.clock.now()],
  )
  return { id, start }
}
const isPromised = (id: string) =>
  change(foyer.app.services, (change) => promiseMeetingLog(foyer.app.services, change, id))
const written = (id: string) =>
  waitFor('it is done', async () => {
    const [write] = await readWrites(admin, connection)
    const { rows } = await foyer.pool.query(
      'select done = wanted as done from crm_writes where meeting_id = $1',
      [id],
    )
    return rows[0]?.done && write?.state !== 'open' ? write : undefined
  })

test('a meeting is logged with its guest, who is made where nobody has the address', async () => {
  await connect()
  const { id, start } = await aMeeting()
  await isPromised(id)
  expect(await written(id)).toMatchObject({
    kind: 'meeting',
    state: 'written',
    visitorId: null,
    createdPerson: true,
  })
  expect([...crm.people.values()]).toMatchObject([{ emails: [email], fields: { name: 'Ada Example' } }])
  expect(crm.meetings.map(({ meeting }) => meeting)).toMatchObject([
    {
      key: `foyer-meeting-${id}`,
      title: 'Demo',
      start,
      body: 'Booked in the chat.\n\nAbout prices.',
      location: 'https://meet.example/1',
      state: 'booked',
    },
  ])
})

test('a meeting that was moved or cancelled is the same entry, changed', async () => {
  await connect()
  crm.put({ emails: [email], fields: { name: 'Ada' } })
  const { id, start } = await aMeeting()
  await isPromised(id)
  await written(id)
  const later = new Date(start.getTime() + 3_600_000)
  await foyer.pool.query(
    `update meetings set start_at = $2, end_at = $2::timestamptz + interval '30 min' where id = $1`,
    [id, later],
  )
  await isPromised(id)
  await written(id)
  expect(crm.meetings).toMatchObject([{ meeting: { start: later, state: 'booked' } }])
  await foyer.pool.query(`update meetings set state = 'cancelled', cancelled_at = now() where id = $1`, [id])
  await isPromised(id)
  await written(id)
  expect(crm.meetings).toMatchObject([{ meeting: { state: 'cancelled' } }])
  expect(crm.callsOf('createPerson')).toEqual([])
})

test('when the answer to a meeting is lost there is one entry', async () => {
  await connect()
  crm.next('logMeeting', 'lost')
  const { id } = await aMeeting()
  await isPromised(id)
  expect(await written(id)).toMatchObject({ state: 'written' })
  expect(crm.callsOf('logMeeting')).toHaveLength(2)
  expect(crm.meetings).toHaveLength(1)
})

test('what is only held is not logged, nor what was cancelled before it could be, nor where meetings are turned off', async () => {
  await connect()
  const held = await aMeeting('held')
  await isPromised(held.id)
  expect(await written(held.id)).toMatchObject({ state: 'skipped', reason: 'It was not booked.' })
  await foyer.pool.query(`update meetings set state = 'cancelled', cancelled_at = now() where id = $1`, [
    held.id,
  ])
  await isPromised(held.id)
  expect(await written(held.id)).toMatchObject({ state: 'skipped' })
  await foyer.pool.query(`update connections set write_back = '{"meetings": false}'`)
  await isPromised((await aMeeting()).id)
  expect((await foyer.pool.query('select from crm_writes')).rowCount).toBe(1)
  expect(crm.meetings).toEqual([])
  expect(crm.people.size).toBe(0)
})

test('while a connection is paused a meeting waits, and is logged when it goes on', async () => {
  await connect()
  await admin.http.post(`/connections/${connection}/pause`)
  const { id } = await aMeeting()
  await isPromised(id)
  await waitFor('it is put aside', async () => {
    return (await foyer.pool.query('select from crm_writes where held')).rowCount === 1
  })
  await admin.http.post(`/connections/${connection}/resume`)
  expect(await written(id)).toMatchObject({ state: 'written' })
  expect(crm.meetings).toHaveLength(1)
})

test('a meeting that was booked in a colleague’s chat names that chat to others only once it is over', async () => {
  await connect()
  const { visitor, agent: first, id: older } = await foyer.chat({ first: 'Long ago' })
  await first.ends(older)
  await first.switchTo('unavailable')
  const second = await foyer.agent()
  const { id } = await visitor.asks('May I see you?')
  await second.accepts(id)
  const meeting = await aMeeting()
  await foyer.pool.query('update meetings set visitor_id = $2, conversation_id = $3 where id = $1', [
    meeting.id,
    visitor.id,
    id,
  ])
  await isPromised(meeting.id)
  const chatsOf = async ({ http }: AgentActor, path: string) =>
    (await http.get<{ writes: CrmWrite[] }>(path)).writes
      .filter(({ kind }) => kind === 'meeting')
      .map(({ conversationId }) => conversationId)
  const ofVisitor = `/visitors/${visitor.id}/crm-writes`
  expect(await chatsOf(second, ofVisitor)).toEqual([id])
  expect(await chatsOf(first, ofVisitor)).toEqual([null])
  expect(await chatsOf(admin, `/connections/${connection}/writes`)).toEqual([null])
  await second.ends(id)
  expect(await chatsOf(first, ofVisitor)).toEqual([id])
})

test('what is written of one guest comes one after the other, in the order it happened; another guest does not wait', async () => {
  await connect()
  const person = crm.put({ emails: [email], fields: { name: 'Ada' } })
  const answer = Promise.withResolvers<void>()
  crm.next('logMeeting', { heldBack: answer.promise })
  const [first, second] = [await aMeeting(), await aMeeting()]
  await isPromised(first.id)
  await waitFor('the first is on its way', () => crm.callsOf('logMeeting').length === 1)
  await isPromised(second.id)
  await foyer.pool.query(`update meetings set state = 'cancelled', cancelled_at = now() where id = $1`, [
    first.id,
  ])
  await isPromised(first.id)

  email = `guest${++people}@northwind.test`
  const others = crm.put({ emails: [email], fields: { name: 'Bo' } })
  const other = await aMeeting()
  await isPromised(other.id)
  const logged = () =>
    crm.callsOf('logMeeting').map(([ref, meeting]) => {
      const { key, state } = meeting as { key: string; state: string }
      return [(ref as { id: string }).id, key.replace('foyer-meeting-', ''), state]
    })
  await waitFor('the other guest’s is there', () =>
    crm.meetings.some(({ personId }) => personId === others.id),
  )
  expect(logged()).toEqual([
    [person.id, first.id, 'booked'],
    [others.id, other.id, 'booked'],
  ])
  answer.resolve()
  await waitFor('all is written', async () => {
    const { rows } = await foyer.pool.query('select from crm_writes where done < wanted')
    return rows.length === 0
  })
  expect(logged().filter(([id]) => id === person.id)).toEqual([
    [person.id, first.id, 'booked'],
    [person.id, second.id, 'booked'],
    [person.id, first.id, 'cancelled'],
  ])
  expect(crm.meetings.filter(({ personId }) => personId === person.id)).toHaveLength(2)
})

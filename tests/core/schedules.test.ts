import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AgentList } from '#core/contracts/agents.ts'
import type { Schedule } from '#core/contracts/availability.ts'
import type {
  AvailabilityExplanation,
  LocalDays,
  SchedulesChanged,
  TimeZoneList,
} from '#core/contracts/schedules.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { roundTheClock } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

let foyer: TestFoyer
let admin: AgentActor
let dana: AgentActor

beforeAll(async () => {
  // a Wednesday
  foyer = await startFoyer({ startsAt: new Date('2026-03-25T10:00:00Z') })
  admin = await foyer.agent({ profile: 'admin', online: false })
  dana = await foyer.agent({ name: 'Dana', online: false })
})
afterAll(() => foyer.close())

const weekdays = (start: string, end: string) => [1, 2, 3, 4, 5].map((weekday) => ({ weekday, start, end }))
const refusedWith = (status: number) => expect.objectContaining({ status })

describe('why somebody is available or not', () => {
  const explain = (id = 'me', at?: string, by = dana) =>
    by.http.get<AvailabilityExplanation>(
      `/agents/${id}/availability/explanation${at ? `?at=${encodeURIComponent(at)}` : ''}`,
    )

  test('names the block, the date off, what comes next and the offset, for any instant', async () => {
    const agent = await foyer.agent({ online: false })
    await agent.http.put('/agents/me/live-chat-schedule', {
      timeZone: 'Europe/Rome',
      blocks: [...weekdays('09:00', '12:00'), ...weekdays('11:00', '17:00')],
      datesOff: ['2026-03-30'],
    } satisfies Schedule)
    expect(await explain('me', '2026-03-27T10:30:00Z', agent)).toMatchObject({
      isNow: false,
      timeZone: 'Europe/Rome',
      offsetMinutes: 60,
      localTime: '2026-03-27T11:30',
      weekday: 5,
      availability: { available: true, source: 'schedule', until: '2026-03-27T16:00:00.000Z' },
      blocks: [
        { date: '2026-03-27', weekday: 5, start: '09:00', end: '12:00' },
        { date: '2026-03-27', weekday: 5, start: '11:00', end: '17:00' },
      ],
      dateOff: null,
      nextBlock: null,
      override: null,
    })
    // the clocks go forward on the 29th, and the 30th is off: seen by a colleague
    expect(await explain(agent.id, '2026-03-30T08:00:00Z')).toMatchObject({
      offsetMinutes: 120,
      localTime: '2026-03-30T10:00',
      availability: { available: false },
      blocks: [],
      dateOff: '2026-03-30',
      nextBlock: { date: '2026-03-31', start: '09:00', startsAt: '2026-03-31T07:00:00.000Z' },
    })
  })

  test('names the switch, since when, and what it waits for', async () => {
    const agent = await foyer.agent({ online: false })
    await agent.switchTo('unavailable')
    const now = await explain('me', undefined, agent)
    expect(now).toMatchObject({
      isNow: true,
      availability: { available: false, source: 'override' },
      scheduled: { available: true },
      override: {
        status: 'unavailable',
        until: null,
        endsAt: '2026-03-26T00:00:00.000Z',
        ends: 'midnight',
        cause: null,
      },
    })
    // before it was set it does not hold
    expect((await explain('me', '2026-03-25T09:00:00Z', agent)).override).toBeNull()
  })

  test('is refused for nobody, for no instant, and to strangers', async () => {
    await expect(explain(randomUUID())).rejects.toEqual(refusedWith(404))
    await expect(explain('me', 'soon')).rejects.toEqual(refusedWith(422))
    const path = `${foyer.origin}/api/v1/agents/me/availability/explanation`
    expect((await fetch(path, { headers: { connection: 'close' } })).status).toBe(401)
  })
})

describe('the calendar and clock of a zone', () => {
  test('come day by day, with the changes of the clock', async () => {
    const { days, now } = await dana.http.get<LocalDays>('/availability/days?timeZone=europe/rome&days=5')
    expect(now.slice(0, 10)).toBe('2026-03-25')
    expect(days.map(({ date }) => date)).toEqual(
      ['25', '26', '27', '28', '29'].map((day) => `2026-03-${day}`),
    )
    expect(days.at(-1)).toEqual({
      date: '2026-03-29',
      weekday: 7,
      startsAt: '2026-03-28T23:00:00.000Z',
      endsAt: '2026-03-29T22:00:00.000Z',
      offsetMinutes: 60,
      clockChanges: [{ at: '2026-03-29T01:00:00.000Z', offsetMinutes: 120 }],
    })
    const elsewhere = await dana.http.get<LocalDays>('/availability/days?from=2026-12-31T23:00:00Z')
    expect(elsewhere.days).toHaveLength(14)
    expect(elsewhere.timeZone).toBe('UTC')
  })

  test('are refused for what is no zone, and for too many days', async () => {
    for (const query of ['timeZone=Mars/Olympus', 'days=0', 'days=63', 'from=now', 'days=x'])
      await expect(dana.http.get(`/availability/days?${query}`)).rejects.toEqual(refusedWith(422))
    for (const path of ['days', 'time-zones']) {
      const address = `${foyer.origin}/api/v1/availability/${path}`
      expect((await fetch(address, { headers: { connection: 'close' } })).status).toBe(401)
    }
  })

  test('are there for every zone; which zone database they follow is told there and by /readyz', async () => {
    const { timeZones, databaseVersion } = await dana.http.get<TimeZoneList>('/availability/time-zones')
    expect(timeZones.length).toBeGreaterThan(400)
    expect(timeZones).toContainEqual({ name: 'Asia/Kolkata', offsetMinutes: 330 })
    expect(databaseVersion).toMatch(/^20\d\d[a-z]/)
    const ready = await fetch(`${foyer.origin}/readyz`, { headers: { connection: 'close' } })
    expect(await ready.json()).toMatchObject({ status: 'ready', timeZones: databaseVersion })
  })
})

describe('several agents at once', () => {
  const change = (body: object, by = admin) =>
    by.http.post<SchedulesChanged>('/agents/schedules', body).then(({ results }) => results)
  const preview = (body: object, by = admin) =>
    by.http.post<SchedulesChanged>('/agents/schedules/preview', body).then(({ results }) => results)
  const scheduleOf = async (id: string) =>
    (await admin.http.get<AgentList>('/agents')).agents.find((agent) => agent.id === id)?.liveChatSchedule
  const audited = async (id: string) => {
    const { rows } = await foyer.pool.query(
      `select actor_id as "actorId", detail from audit_log
       where action = 'agent.schedule_changed' and object_id = $1`,
      [id],
    )
    return rows
  }

  test('get blocks, a zone and dates off; what is left out stays as each has it', async () => {
    const own: Schedule = {
      timeZone: 'Asia/Tokyo',
      blocks: weekdays('10:00', '18:00'),
      datesOff: ['2026-05-01'],
    }
    const [one, two] = [
      await foyer.agent({ schedule: own, online: false }),
      await foyer.agent({ online: false }),
    ]
    const agentIds = [one.id, two.id, one.id]
    const dates = { agentIds, addDatesOff: ['2026-12-25', '2026-05-01'], removeDatesOff: ['2026-01-01'] }
    const foreseen = await preview(dates)
    expect(foreseen.map(({ outcome }) => outcome)).toEqual(['changed', 'changed'])
    expect(await scheduleOf(one.id)).toEqual(own)
    expect(await audited(one.id)).toEqual([])

    expect(await change(dates)).toEqual(foreseen)
    expect(await scheduleOf(one.id)).toEqual({ ...own, datesOff: ['2026-05-01', '2026-12-25'] })
    expect(await scheduleOf(two.id)).toEqual({ ...roundTheClock, datesOff: ['2026-05-01', '2026-12-25'] })
    expect(await audited(one.id)).toEqual([{ actorId: admin.id, detail: { agentsAtOnce: 2 } }])

    const blocks = [{ weekday: 3, start: '22:00', end: '24:00' }]
    await change({ agentIds, blocks, timeZone: 'europe/rome' })
    for (const { id } of [one, two])
      expect(await scheduleOf(id)).toEqual({
        timeZone: 'Europe/Rome',
        blocks,
        datesOff: ['2026-05-01', '2026-12-25'],
      })
    expect((await change({ agentIds, blocks })).map(({ outcome }) => outcome)).toEqual([
      'unchanged',
      'unchanged',
    ])
    expect(await audited(one.id)).toHaveLength(2)
  })

  test('one who cannot be changed does not hold up the others', async () => {
    const many = Array.from({ length: 400 }, (_, day) =>
      new Date(Date.UTC(2030, 0, 1 + day)).toISOString().slice(0, 10),
    )
    const full = await foyer.agent({ schedule: { ...roundTheClock, datesOff: many }, online: false })
    const other = await foyer.agent({ online: false })
    const nobody = randomUUID()
    const results = await change({ agentIds: [full.id, nobody, other.id], addDatesOff: ['2026-12-25'] })
    expect(results.map(({ outcome, problem }) => [outcome, problem])).toEqual([
      ['refused', expect.stringContaining('400 dates off')],
      ['refused', 'There is no such agent.'],
      ['changed', null],
    ])
    expect((await scheduleOf(other.id))?.datesOff).toEqual(['2026-12-25'])
    expect((await scheduleOf(full.id))?.datesOff).toHaveLength(400)
  })

  test('who becomes unavailable is asked nothing more, and is told at once; so is whoever lists them', async () => {
    const [one, two, three] = [await foyer.agent(), await foyer.agent(), await foyer.agent()]
    const watching = await foyer.agent({ profile: 'admin' })
    await watching.switchTo('unavailable')
    const visitor = await foyer.visitor()
    const { id } = await visitor.asks()
    const first = await waitFor('somebody is asked', () =>
      [one, two, three].find(({ offers }) => offers.size > 0),
    )
    const others = [one, two, three].filter((agent) => agent !== first)
    const gone = [first, others[0] as AgentActor]
    const agentIds = gone.map((agent) => agent.id)
    const results = await preview({ agentIds, blocks: [] })
    expect(results.map(({ offersWithdrawn }) => offersWithdrawn)).toEqual([1, 0])
    await change({ agentIds, blocks: [] })
    // never the other one who goes as well
    await (others[1] as AgentActor).offered(id)
    for (const agent of gone) await waitFor('the agent is told', () => !agent.availability.available)
    for (const agent of gone)
      await waitFor('a list of agents is told', () => watching.others.get(agent.id)?.available === false)
    // what was told is what is read afresh
    const { agents } = await watching.http.get<AgentList>('/agents')
    for (const agent of gone)
      expect(watching.others.get(agent.id)).toEqual(agents.find(({ id }) => id === agent.id)?.availability)
  })

  test('is an admin’s to do, and says what is wrong', async () => {
    const body = { agentIds: [dana.id], blocks: [] }
    await expect(change(body, dana)).rejects.toEqual(refusedWith(403))
    await expect(preview(body, dana)).rejects.toEqual(refusedWith(403))
    for (const bad of [
      { agentIds: [], blocks: [] },
      { agentIds: [dana.id] },
      { agentIds: [dana.id], blocks: [{ weekday: 1, start: '22:00', end: '06:00' }] },
      { agentIds: [dana.id], addDatesOff: ['Christmas'] },
      { agentIds: [dana.id], timeZone: 'Mars/Olympus' },
      { agentIds: ['me'], blocks: [] },
    ]) {
      await expect(change(bad)).rejects.toEqual(refusedWith(422))
      await expect(preview(bad)).rejects.toEqual(refusedWith(422))
    }
  })
})

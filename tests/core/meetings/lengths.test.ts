import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FreeSlots, GuestMeeting } from '#core/contracts/meetings.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { earlyInTheDay, Guest, setMeetingSettings } from './a-booking.ts'

/** What is booked is as long as what was offered, whoever it is with and whatever they have set meanwhile. */
let foyer: TestFoyer
beforeAll(async () => {
  foyer = await startFoyer({ workers: false, startsAt: earlyInTheDay() })
})
afterAll(() => foyer.close())

const minutesOf = ({ start, end }: { start: string; end: string }) =>
  (Date.parse(end) - Date.parse(start)) / 60_000

async function aHost(durationMinutes: number): Promise<AgentActor> {
  const host = await foyer.agent({ online: false })
  await setMeetingSettings(host, { durationMinutes })
  return host
}

async function aLink(of: { agentId?: string; teamId?: string }): Promise<Guest> {
  const token = randomUUID()
  await foyer.pool.query(
    'insert into calendar_shares (id, token, agent_id, team_id, created_at) values ($1, $2, $3, $4, now())',
    [randomUUID(), token, of.agentId ?? null, of.teamId ?? null],
  )
  return new Guest(foyer.origin, token)
}

async function aTeam(...hosts: AgentActor[]): Promise<Guest> {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const agentIds = hosts.map(({ id }) => id)
  const { id } = await admin.http.post<{ id: string }>('/teams', { name: `Sales ${randomUUID()}`, agentIds })
  return aLink({ teamId: id })
}

/** With somebody who has meetings ahead already, and so is not the first to be asked. */
async function keepsBusy(host: AgentActor): Promise<void> {
  const guest = await aLink({ agentId: host.id })
  const { slots } = await guest.slots()
  for (const slot of slots.slice(-2)) await guest.books(slot.start, { email: `${randomUUID()}@busy.test` })
}

test('of a team whose members meet for different lengths the one is booked that was offered', async () => {
  const [brief, long] = [await aHost(30), await aHost(60)]
  await keepsBusy(brief)
  const guest = await aTeam(brief, long)
  expect((await guest.page()).durationMinutes).toBeNull()
  const [slot] = (await guest.slots()).slots
  expect(slot && minutesOf(slot)).toBe(30)
  expect(await guest.books(slot?.start)).toMatchObject({ ...slot, agent: { id: brief.id } })

  // only the one who takes longer is left at that time, and is offered as such
  const after = (await guest.slots()).slots.find(({ start }) => start === slot?.start)
  expect(after && minutesOf(after)).toBe(60)
  const shorter = await guest.raw(slot?.start, { end: slot?.end })
  expect(shorter.status).toBe(409)
  expect(await shorter.json()).toMatchObject({ code: 'slot_taken', slots: expect.arrayContaining([after]) })
  expect(await guest.books(after?.start, { end: after?.end, email: 'other@northwind.test' })).toMatchObject({
    ...after,
    agent: { id: long.id },
  })
})

test('a team that agrees on a length says so before a time is chosen', async () => {
  const guest = await aTeam(await aHost(45), await aHost(45))
  expect((await guest.page()).durationMinutes).toBe(45)
})

test('a length that was changed since the times were read is not booked unseen', async () => {
  const host = await aHost(30)
  const guest = await aLink({ agentId: host.id })
  const [slot] = (await guest.slots()).slots
  await setMeetingSettings(host, { durationMinutes: 60 })
  const refused = await guest.raw(slot?.start, { end: slot?.end })
  const { code, slots } = (await refused.json()) as FreeSlots & { code: string }
  expect([refused.status, code, slots[0]?.start, slots[0] && minutesOf(slots[0])]).toEqual([
    409,
    'slot_taken',
    slot?.start,
    60,
  ])
})

test('a meeting that is moved keeps its length, and is offered times with room for it', async () => {
  const host = await aHost(60)
  const guest = await aLink({ agentId: host.id })
  const booked = await guest.books((await guest.slots()).slots[0]?.start)
  await setMeetingSettings(host, { durationMinutes: 30 })
  const http = new HttpClient(foyer.origin)
  const path = `/meeting/${booked.token}`
  const { slots } = await http.get<FreeSlots>(`${path}/slots`)
  expect(new Set(slots.map(minutesOf))).toEqual(new Set([60]))
  // the last half hour of a day is none for it
  expect(slots.some(({ start }) => start.includes('T16:30'))).toBe(false)
  const chosen = slots[3]
  expect(await http.post<GuestMeeting>(`${path}/reschedule`, { start: chosen?.start })).toMatchObject({
    ...chosen,
  })
  const outside = `${chosen?.start.slice(0, 10)}T16:30:00.000Z`
  expect((await http.raw('POST', `${path}/reschedule`, { start: outside })).status).toBe(409)
})

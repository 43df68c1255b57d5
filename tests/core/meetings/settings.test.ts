import { expect } from 'vitest'
import type { MeetingSettings } from '#core/contracts/meetings.ts'
import { test } from '#tests/support/foyer.ts'

const path = '/agents/me/meeting-settings'

test('whoever never set anything can be met in office hours of the organisation', async ({ foyer }) => {
  const { http } = await foyer.agent({ online: false })
  expect(await http.get(path)).toMatchObject({
    timeZone: 'Europe/Rome',
    durationMinutes: 30,
    stepMinutes: null,
    noticeMinutes: 120,
    daysAhead: 30,
    dailyMax: null,
    blocks: [1, 2, 3, 4, 5].map((weekday) => ({ weekday, start: '09:00', end: '17:00' })),
  })
})

test('an agent sets how they can be met, and the schedule by itself', async ({ foyer }) => {
  const { http } = await foyer.agent({ online: false })
  const settings = await http.get<MeetingSettings>(path)
  const wanted = { ...settings, durationMinutes: 45, dailyMax: 3, title: 'Talk with {{ name }}' }
  expect(await http.put(path, wanted)).toEqual(wanted)
  const schedule = {
    timeZone: 'Asia/Kolkata',
    blocks: [{ weekday: 2, start: '10:00', end: '24:00' }],
    datesOff: ['2026-12-25'],
  }
  expect(await http.put('/agents/me/meeting-schedule', schedule)).toEqual(schedule)
  expect(await http.get(path)).toEqual({ ...wanted, ...schedule })
})

test('what nobody can mean is refused in words', async ({ foyer }) => {
  const { http } = await foyer.agent({ online: false })
  const settings = await http.get<MeetingSettings>(path)
  for (const wrong of [
    { durationMinutes: 0 },
    { title: 'Hello {{password}}' },
    { title: '' },
    { blocks: [{ weekday: 1, start: '10:00', end: '10:00' }] },
    { timeZone: 'Europe/Nowhere' },
    { surely: 'not' },
  ])
    await expect(http.put(path, { ...settings, ...wrong })).rejects.toMatchObject({ status: 422 })
  await expect(http.put('/agents/me/meeting-schedule', { timeZone: 'UTC' })).rejects.toMatchObject({
    status: 422,
  })
})

test('only whoever manages agents sets how others can be met', async ({ foyer }) => {
  const one = await foyer.agent({ online: false })
  const other = await foyer.agent({ online: false })
  const admin = await foyer.agent({ online: false, profile: 'admin' })
  const theirs = `/agents/${one.id}/meeting-settings`
  const settings = await admin.http.get<MeetingSettings>(theirs)
  await expect(other.http.get(theirs)).rejects.toMatchObject({ status: 404 })
  await expect(other.http.put(theirs, settings)).rejects.toMatchObject({ status: 403 })
  await admin.http.put(theirs, { ...settings, location: 'Room 4' })
  expect(await one.http.get(path)).toMatchObject({ location: 'Room 4' })
  await expect(
    admin.http.get('/agents/018f0000-0000-7000-8000-000000000000/meeting-settings'),
  ).rejects.toMatchObject({ status: 404 })
})

test('a change made from an older state is refused, with what is there now', async ({ foyer }) => {
  const { http } = await foyer.agent({ online: false })
  const first = await http.raw('GET', path)
  const etag = first.headers.get('etag') ?? ''
  const settings = (await first.json()) as MeetingSettings
  await http.put(path, { ...settings, noticeMinutes: 5 })
  const late = await http.raw('PUT', path, { ...settings, noticeMinutes: 9 }, { 'if-match': etag })
  expect(late.status).toBe(409)
  expect(await late.json()).toMatchObject({ code: 'changed_meanwhile', current: { noticeMinutes: 5 } })
})

test('the preview of slots is open to every agent, and refuses what is none', async ({ foyer }) => {
  const { http } = await foyer.agent({ online: false })
  const asked = {
    timeZone: 'Europe/Rome',
    blocks: [{ weekday: 1, start: '09:00', end: '11:00' }],
    durationMinutes: 30,
    stepMinutes: 30,
    bufferBeforeMinutes: 0,
    bufferAfterMinutes: 0,
    noticeMinutes: 60,
    busy: [{ start: '2026-06-01T08:00:00Z', end: '2026-06-01T08:30:00Z' }],
    now: '2026-06-01T06:30:00Z',
    from: '2026-06-01T00:00:00Z',
    to: '2026-06-02T00:00:00Z',
  }
  expect(await http.post('/slots/preview', asked)).toEqual({
    slots: [
      { start: '2026-06-01T07:30:00.000Z', end: '2026-06-01T08:00:00.000Z' },
      { start: '2026-06-01T08:30:00.000Z', end: '2026-06-01T09:00:00.000Z' },
    ],
  })
  for (const wrong of [
    { now: 'noon' },
    { durationMinutes: -5 },
    { busy: [{ start: asked.to, end: asked.from }] },
    { from: asked.to, to: asked.from },
  ])
    await expect(http.post('/slots/preview', { ...asked, ...wrong })).rejects.toMatchObject({ status: 422 })
})

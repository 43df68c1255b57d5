import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import * as contract from '#core/contracts/availability.ts'

const monday = { weekday: 1, start: '09:00', end: '17:00' }
const aSchedule = { timeZone: 'Europe/Rome', blocks: [monday], datesOff: ['2026-12-25'] }

/** What a refusal says, as "path: message". */
const refusal = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)

describe('a schedule', () => {
  test('is taken as it is, its zone in the spelling of the database', () => {
    expect(contract.Schedule.parse(aSchedule)).toEqual(aSchedule)
    expect(contract.Schedule.parse({ ...aSchedule, timeZone: 'europe/rome' })).toEqual(aSchedule)
    expect(contract.Schedule.parse({ ...aSchedule, timeZone: null }).timeZone).toBeNull()
  })

  test('can be sent as well as received', () => {
    expect(z.encode(contract.Schedule, aSchedule)).toEqual(aSchedule)
  })

  test('may have blocks that overlap, repeat, and end at 24:00', () => {
    const blocks = [
      monday,
      monday,
      { weekday: 1, start: '10:00', end: '24:00' },
      { ...monday, start: '00:00' },
    ]
    expect(contract.Schedule.parse({ ...aSchedule, blocks }).blocks).toEqual(blocks)
  })

  test.each([
    ['an end at the start', { ...monday, end: '09:00' }, 'blocks.0.end: A block ends after it starts'],
    ['an end before the start', { ...monday, start: '22:00', end: '06:00' }, 'entered as two'],
    [
      'a start at 24:00',
      { ...monday, start: '24:00', end: '24:00' },
      'blocks.0.start: A start is a time of day',
    ],
    ['an end after 24:00', { ...monday, end: '24:01' }, 'blocks.0.end: An end is a time of day'],
    ['a time without leading zero', { ...monday, start: '9:00' }, 'blocks.0.start'],
    ['a time with seconds', { ...monday, start: '09:00:00' }, 'blocks.0.start'],
    ['a line feed after the time', { ...monday, end: '17:00\n' }, 'blocks.0.end'],
    ['weekday 0', { ...monday, weekday: 0 }, 'blocks.0.weekday: A weekday is a number from 1 (Monday)'],
    ['weekday 8', { ...monday, weekday: 8 }, 'blocks.0.weekday'],
    ['half a weekday', { ...monday, weekday: 1.5 }, 'blocks.0.weekday'],
    ['more than asked for', { ...monday, zone: 'UTC' }, 'zone'],
  ])('with %s is refused', (_, block, message) => {
    expect(refusal(contract.Schedule, { ...aSchedule, blocks: [block] })?.join()).toContain(message)
  })

  test.each([
    ['an unknown zone', { timeZone: 'Europe/Nowhere' }, 'timeZone: This is not a time zone'],
    ['an offset as zone', { timeZone: '+02:00' }, 'timeZone: This is not a time zone'],
    ['a date that does not exist', { datesOff: ['2026-02-29'] }, 'datesOff.0: A date off looks like'],
    ['an instant as date off', { datesOff: ['2026-12-25T00:00:00Z'] }, 'datesOff.0: A date off looks like'],
    ['too many dates off', { datesOff: Array(401).fill('2026-12-25') }, 'datesOff: At most 400'],
    ['too many blocks', { blocks: Array(71).fill(monday) }, 'blocks: A week has at most 70'],
    ['no dates off said', { datesOff: undefined }, 'datesOff'],
  ])('with %s is refused', (_, part, message) => {
    expect(refusal(contract.Schedule, { ...aSchedule, ...part })?.join()).toContain(message)
  })
})

describe('the switch', () => {
  test('takes a status, and an end with Z or an offset', () => {
    expect(contract.AvailabilityRequest.parse({ status: 'schedule' })).toEqual({ status: 'schedule' })
    const until = new Date('2026-03-30T18:00:00Z')
    for (const text of ['2026-03-30T18:00:00Z', '2026-03-30T20:00:00+02:00', '2026-03-30T18:00:00.000Z']) {
      expect(contract.AvailabilityRequest.parse({ status: 'available', until: text }).until).toEqual(until)
    }
  })

  test.each([
    [{ status: 'away' }, 'status'],
    [{}, 'status'],
    [{ status: 'schedule', until: '2026-03-30T18:00:00Z' }, 'until: Following the schedule has no end'],
    [{ status: 'available', until: '2026-03-30T18:00:00' }, 'until: An instant looks like'],
    [{ status: 'available', until: '2026-02-30T18:00:00Z' }, 'until: An instant looks like'],
    [{ status: 'available', until: '9999-12-31T23:59:59-01:00' }, 'until: An instant lies between'],
    [{ status: 'available', until: '0000-01-01T00:00:00+01:00' }, 'until: An instant lies between'],
    [{ status: 'available', till: null }, 'till'],
  ])('refuses %j', (body, message) => {
    expect(refusal(contract.AvailabilityRequest, body)?.join()).toContain(message)
  })
})

test('a preview needs no zone, dates off or override', () => {
  const body = { blocks: [monday], instants: ['2026-03-30T10:00:00Z'] }
  expect(contract.AvailabilityPreviewRequest.parse(body)).toEqual({
    timeZone: null,
    blocks: [monday],
    datesOff: [],
    override: null,
    instants: [new Date('2026-03-30T10:00:00Z')],
  })
  const many = { ...body, instants: Array(5_001).fill('2026-03-30T10:00:00Z') }
  expect(refusal(contract.AvailabilityPreviewRequest, many)?.join()).toContain('At most 5,000 instants')
})

test('all of it can be drawn into the API description', () => {
  const received = [
    contract.Schedule,
    contract.AvailabilityRequest,
    contract.AvailabilityQuery,
    contract.AvailabilityPreviewRequest,
  ]
  for (const schema of received) expect(z.toJSONSchema(schema, { io: 'input' }).type).toBe('object')
  const sent = [contract.Schedule, contract.Availability, contract.AvailabilityPreviewResponse]
  for (const schema of sent) expect(z.toJSONSchema(schema, { io: 'output' }).type).toBe('object')
})

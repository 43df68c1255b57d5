import { expect, test } from 'vitest'
import { timeInWords } from '#core/features/meetings/words.ts'

const said = (start: string, minutes: number, zone: string) =>
  timeInWords(new Date(start), new Date(Date.parse(start) + minutes * 60_000), zone)

test('a mail names the zone of a time and how far its clocks are ahead, by half hours too', () => {
  expect(said('2026-06-01T07:00:00Z', 30, 'Europe/Rome')).toBe(
    'Monday, 1 June 2026, 09:00–09:30 (Europe/Rome, UTC+2)',
  )
  expect(said('2026-06-01T03:30:00Z', 45, 'Asia/Kolkata')).toBe(
    'Monday, 1 June 2026, 09:00–09:45 (Asia/Kolkata, UTC+5:30)',
  )
  // as some browsers still call it
  expect(said('2026-06-01T03:30:00Z', 45, 'Asia/Calcutta')).toBe(
    'Monday, 1 June 2026, 09:00–09:45 (Asia/Kolkata, UTC+5:30)',
  )
  expect(said('2026-06-01T11:30:00Z', 30, 'America/St_Johns')).toBe(
    'Monday, 1 June 2026, 09:00–09:30 (America/St_Johns, UTC−2:30)',
  )
})

test('the two 02:30 of an autumn night are told apart, also at both ends of one meeting', () => {
  expect(said('2026-10-25T00:30:00Z', 15, 'Europe/Rome')).toBe(
    'Sunday, 25 October 2026, 02:30–02:45 (Europe/Rome, UTC+2)',
  )
  expect(said('2026-10-25T01:30:00Z', 15, 'Europe/Rome')).toBe(
    'Sunday, 25 October 2026, 02:30–02:45 (Europe/Rome, UTC+1)',
  )
  expect(said('2026-10-25T00:30:00Z', 60, 'Europe/Rome')).toBe(
    'Sunday, 25 October 2026, 02:30 UTC+2 – 02:30 UTC+1 (Europe/Rome)',
  )
  expect(said('2027-04-03T14:30:00Z', 45, 'Australia/Lord_Howe')).toBe(
    'Sunday, 4 April 2027, 01:30 UTC+11 – 01:45 UTC+10:30 (Australia/Lord_Howe)',
  )
})

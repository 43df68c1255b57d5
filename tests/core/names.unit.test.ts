import { expect, test } from 'vitest'
import { Book } from '#core/contracts/meetings.ts'
import { VisitorFields } from '#core/contracts/widget.ts'
import { greetingOf } from '#core/features/mail/greeting.ts'

/** Anybody may type any name beside anybody's address, and mails in the company's name go there. */

test.for([
  'Ada\n\nYour account is locked',
  'Ada\r\n \u2028Your account is locked',
  '\tAda\u0085Your account is locked\n',
])('a name of several lines is one line: %j', (name) => {
  const booked = Book.parse({
    start: '2026-06-01T09:00:00Z',
    name,
    email: 'ada@northwind.test',
    idempotencyKey: 'a',
  })
  expect(booked.name).toBe('Ada Your account is locked')
  expect(VisitorFields.parse({ name }).name).toBe('Ada Your account is locked')
})

test('a name that is no name after that is missing', () => {
  expect(
    Book.safeParse({
      start: '2026-06-01T09:00:00Z',
      name: ' \n\u2028 ',
      email: 'a@b.test',
      idempotencyKey: 'a',
    }).success,
  ).toBe(false)
  expect(VisitorFields.parse({ name: ' \n ' }).name).toBeNull()
})

test('who is greeted by name is led nowhere by it', () => {
  for (const name of ['Ada Lovelace', 'J. P. Morgan', 'J.P. Morgan', 'Zoë O’Neil', '李小龙'])
    expect(greetingOf(name)).toBe(`Hello ${name},`)
  for (const name of [
    null,
    'pay at evil.example',
    'https://evil.example/x',
    'WWW.evil.test',
    'see ftp://x',
    'münchen.de',
  ])
    expect(greetingOf(name)).toBe('Hello,')
})

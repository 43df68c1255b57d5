import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { mailIfDeparted, sweepDepartures } from '#core/features/conversations/departures.ts'
import { endByAgent } from '#core/features/conversations/endings.ts'
import { receiveFile } from '#core/features/files/service.ts'
import { shareCalendar } from '#core/features/meetings/shares.ts'
import type { AnAgent } from '#tests/support/factories.ts'
import { aPng } from '#tests/support/upload.ts'
import { openWorld, type RoutingWorld } from '../routing/world.ts'

/** What is written to a visitor who has left. */

let world: RoutingWorld
let dana: AnAgent
let chat: { id: string; visitorId: string }

beforeAll(async () => {
  world = await openWorld()
})
beforeEach(async () => {
  await world.clear()
  await world.pool.query('delete from mails')
  world.services.config.smtpUrl = 'smtp://127.0.0.1:1'
  world.clock.ticks = true
  world.clock.set(new Date('2026-03-03T00:30:00Z'))
  ;[dana] = (await world.agents(1)) as [AnAgent]
  chat = await world.chat(dana)
  await world.pool.query(`update visitors set email = 'nadia@contoso.test', name = 'Nadia' where id = $1`, [
    chat.visitorId,
  ])
})

const look = () => Promise.all([sweepDepartures(world.services), sweepDepartures(world.services)])
const mails = async () =>
  (await world.pool.query('select to_address, text from mails order by created_at')).rows
const row = async () =>
  (await world.pool.query('select mailed_seq, mail_due_at from conversations where id = $1', [chat.id]))
    .rows[0]

test('all that was written within two minutes goes in one mail, once', async () => {
  await world.drop(chat.visitorId)
  await world.says(chat, dana, 'It costs 40 €.')
  world.clock.ticks = false
  await look()
  const dueAt = (await row()).mail_due_at.getTime()
  expect(dueAt - world.clock.shown).toBe(120_000)
  await world.says(chat, dana, 'Shipping is free.')
  world.clock.advance(119_999)
  await look()
  await mailIfDeparted(world.services, chat.id)
  expect(await mails()).toEqual([])
  world.clock.advance(1)
  await Promise.all([look(), mailIfDeparted(world.services, chat.id)])
  await look()
  const sent = await mails()
  expect(sent).toHaveLength(1)
  expect(sent[0].to_address).toBe('nadia@contoso.test')
  expect(sent[0].text).toContain('It costs 40 €.\n\nShipping is free.')
  expect((await row()).mailed_seq).toBe(4)
  // nothing more to tell
  world.clock.advance(600_000)
  await look()
  expect(await mails()).toHaveLength(1)
})

test('a file and a shared calendar are told of, too, with the link to the chat', async () => {
  await world.pool.query(`update sites set allowed_origins = '{https://shop.example.com}'`)
  await world.drop(chat.visitorId)
  const name = (await world.pool.query('select name from agents where id = $1', [dana.id])).rows[0].name
  await sends('offer.png')
  await look()
  world.clock.advance(120_001)
  await look()
  await shareCalendar(world.services, { ...dana, permissions: new Set() }, chat.id, dana.id)
  await world.says(chat, dana, 'Choose a time.')
  await look()
  world.clock.advance(120_001)
  await look()
  const texts = (await mails()).map(({ text }) => text)
  expect(texts).toHaveLength(2)
  expect(texts[0]).toContain(
    `You had left when ${name} wrote to you:\n\n${name} sent you a file: offer.png\n\n`,
  )
  expect(texts[1]).toContain(`${name}’s calendar was shared.\n\nChoose a time.`)
  for (const text of texts) expect(text).toContain('https://shop.example.com/#foyer-chat=')
})

async function sends(name: string) {
  const body = aPng()
  const sender = { type: 'agent', id: dana.id } as const
  const upload = { conversationId: chat.id, sender, clientId: randomUUID(), name, size: body.length }
  await receiveFile(
    world.services,
    upload,
    (async function* () {
      yield body
    })(),
  )
}

test('what is written after the mail goes in the next one', async () => {
  await world.drop(chat.visitorId)
  await world.says(chat, dana, 'One')
  await look()
  world.clock.advance(120_001)
  await look()
  await world.says(chat, dana, 'Two')
  await look()
  world.clock.advance(120_001)
  await look()
  const [first, second] = await mails()
  expect(first.text).toContain('One')
  expect(second.text).toContain('Two')
  expect(second.text).not.toContain('One')
})

test('nothing is mailed to a visitor who came back, or had it before leaving', async () => {
  await world.says(chat, dana, 'Read in time')
  await world.pool.query('update conversations set visitor_received_seq = last_seq')
  await world.drop(chat.visitorId)
  await look()
  expect((await row()).mail_due_at).toBeNull()
  await world.says(chat, dana, 'Are you there?')
  await look()
  await world.connect('visitor', chat.visitorId)
  await world.pool.query('update conversations set visitor_received_seq = last_seq')
  world.clock.advance(120_001)
  await look()
  expect(await mails()).toEqual([])
  expect((await row()).mail_due_at).toBeNull()
})

test('a visitor who is there is mailed nothing, however slow the browser', async () => {
  await world.says(chat, dana, 'Hello?')
  world.clock.advance(300_000)
  await look()
  expect((await row()).mail_due_at).toBeNull()
})

test('the last words before the end arrive as well', async () => {
  await world.drop(chat.visitorId)
  await world.says(chat, dana, 'I send you the offer. Goodbye!')
  await endByAgent(world.services, { id: dana.id, name: 'Dana' }, chat.id, null)
  await look()
  world.clock.advance(120_001)
  await look()
  expect((await mails())[0]?.text).toContain('Goodbye!')
})

test('without an address or a mail server nothing is promised', async () => {
  await world.drop(chat.visitorId)
  await world.says(chat, dana, 'Hello?')
  await world.pool.query('update visitors set email = null')
  await look()
  expect((await row()).mail_due_at).toBeNull()
  await world.pool.query(`update visitors set email = 'nadia@contoso.test'`)
  world.services.config.smtpUrl = null
  await look()
  expect((await row()).mail_due_at).toBeNull()
})

import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { SiteSettings } from '#core/contracts/sites.ts'
import { BookingStage, everyLook, sofia } from '../support/booking-stage.ts'
import { axeFindsNothing } from '../support/every-look.ts'

// what only the pages say, which have no site around them: whose they are, and where a link leads that leads nowhere
let booking: BookingStage

beforeAll(async () => {
  booking = await BookingStage.set({ config: { smtpUrl: 'smtp://127.0.0.1:1' } })
  await booking.stage.foyer.pool.query(`update organisation set name = 'Northlight'`)
})

test('the page of a meeting says whose it is, with whom and when, and moves, cancels and keeps it', async () => {
  const { host, token } = await booking.shared({ location: 'Showroom, Via Roma 1' })
  const { page, card } = await booking.guest(token)
  await page.getByRole('heading', { name: 'Northlight' }).waitFor()
  expect(await page.title()).toBe('Book a meeting with Dana Weber, Northlight')
  await card.books({ slot: 2, ...sofia })
  await card.says('Booked: Friday, October 23, 10:00 AM')
  await card.says('Invitation sent to sofia.ricci@northwind.test')
  await everyLook(page, 'booked-here')
  const link = await card.card.getByRole('link', { name: 'Add to calendar' }).getAttribute('href')

  const meeting = await booking.opens(`/meeting/${link?.split('/').at(-2)}`)
  await meeting.page.getByRole('heading', { name: 'Northlight' }).waitFor()
  expect(await meeting.page.title()).toBe('Meeting with Dana Weber, Northlight')
  await meeting.card.says('Booked: Friday, October 23, 10:00 AM')
  await meeting.card.says('with Dana Weber, until 10:30 AM, Rome (GMT+2)')
  await meeting.card.says('Showroom, Via Roma 1')
  await meeting.card.card.getByRole('link', { name: 'Add to calendar' }).waitFor()
  // what was typed elsewhere is not said to whoever has the link
  expect(await meeting.page.getByText('sofia').count()).toBe(0)
  await everyLook(meeting.page, 'meeting')
  await axeFindsNothing(meeting.page, 'the page of a meeting')

  await meeting.card.button('Reschedule').click()
  await meeting.card.says('Now: Friday, October 23, 10:00 AM, Rome (GMT+2), with Dana Weber')
  expect(await meeting.card.slots.allInnerTexts()).not.toContain('10:00 AM')
  await everyLook(meeting.page, 'move')
  await axeFindsNothing(meeting.page, 'moving a meeting')
  await meeting.card.button('11:30 AM').click()
  await meeting.card.button('Confirm').click()
  await meeting.card.says('Booked: Friday, October 23, 11:30 AM')
  await meeting.card.button('Cancel').click()
  await everyLook(meeting.page, 'asking')
  await meeting.card.button('Cancel the meeting').click()
  await meeting.card.says('Cancelled: Friday, October 23, 11:30 AM')
  await meeting.card.says('with Dana Weber, until 12:00 PM, Rome (GMT+2)')
  await everyLook(meeting.page, 'cancelled')
  expect(await booking.meetingsOf(host.id)).toMatchObject([{ state: 'cancelled' }])
})

test('a privacy notice that has to be accepted stands above its tick', async () => {
  const { pool, site, clock } = booking.stage.foyer
  const privacy: SiteSettings['privacy'] = {
    notice: 'What you write is kept for 24 months so that we can help you.',
    url: 'https://shop.test/privacy',
    tick: true,
  }
  await pool.query('update sites set settings = settings || $2 where id = $1', [
    site.id,
    JSON.stringify({ privacy }),
  ])
  const visitorId = randomUUID()
  await pool.query('insert into visitors (id, site_id, created_at, seen_at) values ($1, $2, $3, $3)', [
    visitorId,
    site.id,
    clock.now(),
  ])
  const { host, token } = await booking.shared({}, { visitorId })
  const { page, card } = await booking.guest(token)
  await card.books(sofia)
  await card.says('Please tick this first.')
  await card.says(privacy.notice)
  await everyLook(page, 'consent')
  await axeFindsNothing(page, 'a notice to accept')
  await card.card.getByRole('checkbox', { name: 'I have read the privacy notice' }).check()
  await card.button('Confirm').click()
  await card.says(/^Booked: /)
  const { rows } = await pool.query('select notice_text, notice_url from meetings where agent_id = $1', [
    host.id,
  ])
  expect(rows).toEqual([{ notice_text: privacy.notice, notice_url: privacy.url }])
})

test('a link that leads nowhere, or to nobody any more, says so', async () => {
  for (const [kind, path] of [
    ['unknown', '/book/nothing-by-this'],
    ['unknown-meeting', '/meeting/nothing-by-this'],
  ] as const) {
    const { page } = await booking.opens(path)
    await page.getByText('This link leads nowhere').waitFor()
    await everyLook(page, kind)
    await axeFindsNothing(page, kind)
  }
  const { host, token } = await booking.shared()
  await booking.stage.foyer.pool.query('update agents set active = false where id = $1', [host.id])
  const ended = await booking.guest(token)
  await ended.card.says('Nothing can be booked here at the moment.')
  await everyLook(ended.page, 'ended')
  await axeFindsNothing(ended.page, 'a link to nobody')

  const none = await booking.guest((await booking.shared({ blocks: [] })).token)
  await none.card.says('Nothing is free at the moment.')
  await everyLook(none.page, 'none')
  await axeFindsNothing(none.page, 'nothing free')
})

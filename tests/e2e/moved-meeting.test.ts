import { afterAll, beforeAll, expect, test } from 'vitest'
import { BookingCardScreen } from '../support/booking-card.ts'
import { everyLook } from '../support/booking-stage.ts'
import { screenshots, sizes } from '../support/browser.ts'
import { canBeMet, everyDay } from '../support/can-be-met.ts'
import { mailParts } from '../support/mail-parts.ts'
import { type Stage, setStage } from '../support/stage.ts'
import { waitFor } from '../support/wait.ts'
import { type MailServer, startMailServer } from '../workers/support/mail-server.ts'

// where a meeting is after it was moved, on every screen and in every mail: from the first 02:30 of a night to the second
let mailServer: MailServer
let stage: Stage

beforeAll(async () => {
  mailServer = await startMailServer()
  stage = await setStage({
    startsAt: new Date('2037-10-23T06:00:00Z'),
    config: { smtpUrl: mailServer.url, publicUrl: 'https://chat.example.com' },
  })
})
afterAll(() => mailServer.close())

/** What a mail that has come says, its lines joined. */
const mailTo = (address: string, subject: string) =>
  waitFor(`“${subject}” arrives for ${address}`, () =>
    mailServer.received
      .filter(
        ({ to, raw }) =>
          to[0] === address && raw.replaceAll(/\r\n[ \t]+/g, ' ').includes(`Subject: ${subject}`),
      )
      .map(({ raw }) => mailParts(raw).find(({ type }) => type.startsWith('text/plain'))?.text)
      .at(0),
  )

test('a meeting that its guest moves has its new time in the chat, beside it, in the list and in both mails', async () => {
  const sofia = 'sofia.ricci@northwind.test'
  const [agent, visitor] = await Promise.all([
    stage.agent({ name: 'Dana Weber', browser: { timezoneId: 'Europe/Rome', locale: 'en-GB' } }),
    stage.visitor({ browser: { timezoneId: 'Europe/Rome' } }),
  ])
  await canBeMet(stage.foyer.pool, agent.row.id, { blocks: everyDay('00:00', '24:00') })
  await visitor.asks()
  await agent.accept()
  await agent.page.keyboard.press('Escape')
  await agent.page.keyboard.press('c')
  await agent.page
    .getByRole('dialog', { name: 'Share calendar' })
    .getByRole('button', { name: 'Send' })
    .click()
  const card = new BookingCardScreen(visitor.frame)
  await card.card.getByRole('button', { name: 'Sun 25 October' }).click()
  await card.button('2:30 AM GMT+2').click()
  await card.says('until 2:00 AM GMT+1, Rome (GMT+2/GMT+1)')
  await card.button('Confirm').click()
  await card.says('Booked: Sunday, October 25, 2:30 AM GMT+2')
  await agent.log.getByText('Meeting booked: Sun 25 Oct, 02:30 GMT+2 (Rome) with Dana Weber').waitFor()
  const ahead = agent.visitor.getByRole('region', { name: 'Upcoming meetings' })
  await ahead.getByText('Sun 25 Oct, 02:30 GMT+2 (Rome), with Dana Weber').waitFor()
  const before = 'Sunday, 25 October 2037, 02:30 UTC+2 – 02:00 UTC+1 (Europe/Rome)'
  expect(await mailTo(sofia, 'Your meeting with Dana Weber')).toContain(before)
  expect(await mailTo(agent.row.email, 'Sofia Ricci has booked a meeting with you')).toContain(before)

  await card.button('Reschedule').click()
  await card.says('Now: Sunday, October 25, 2:30 AM GMT+2, Rome (GMT+2), with Dana Weber')
  await card.button('2:30 AM GMT+1').click()
  await card.button('Confirm').click()
  await card.says('Booked: Sunday, October 25, 2:30 AM GMT+1')
  await card.says('with Dana Weber, until 3:00 AM, Rome (GMT+1)')
  await everyLook(visitor.page, 'moved')
  await ahead.getByText('Sun 25 Oct, 02:30 GMT+1 (Rome), with Dana Weber').waitFor()
  await screenshots(agent.page, 'inbox-moved')
  await agent.page.setViewportSize(sizes.desktop)
  await agent.page.getByRole('link', { name: 'Meetings' }).click()
  await agent.page
    .getByRole('row', { name: /Sofia Ricci/ })
    .getByText('Sun 25 Oct, 02:30 GMT+1')
    .waitFor()
  await agent.page.getByText('Times in Rome.').waitFor()
  const after = 'Sunday, 25 October 2037, 02:30–03:00 (Europe/Rome, UTC+1)'
  expect(await mailTo(sofia, 'Your meeting with Dana Weber has moved')).toContain(after)
  expect(await mailTo(agent.row.email, 'Your meeting with Sofia Ricci has moved')).toContain(after)
})

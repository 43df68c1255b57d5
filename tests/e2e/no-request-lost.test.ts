import { afterAll, beforeAll, expect, test } from 'vitest'
import { screenshot } from '../support/browser.ts'
import { never } from '../support/factories.ts'
import { type Stage, setStage } from '../support/stage.ts'
import { waitFor } from '../support/wait.ts'
import { WidgetScreen } from '../support/widget-screen.ts'
import { type MailServer, startMailServer } from '../workers/support/mail-server.ts'

let stage: Stage
let mailServer: MailServer

beforeAll(async () => {
  mailServer = await startMailServer()
  stage = await setStage({ config: { smtpUrl: mailServer.url }, settings: { visitorMailMs: 1_500 } })
  await stage.foyer.pool.query('update sites set allowed_origins = $1', [[stage.host.origin]])
})
afterAll(() => mailServer.close())

const mailTo = async (address: string): Promise<string> => {
  const find = () => mailServer.received.findLast(({ to }) => to.includes(address))?.raw
  await waitFor('the mail is there', () => find() !== undefined)
  return (find() ?? '').replaceAll('=\r\n', '').replaceAll('=3D', '=')
}
const linkIn = (raw: string) => /http\S+#foyer-chat=[\w-]+/.exec(raw)?.[0] ?? ''

test('a missed request is claimed, answered by mail, and the link opens the chat again', async () => {
  const [dana, marco] = await Promise.all([
    stage.agent({ name: 'Dana Weber', schedule: never }),
    stage.agent({ name: 'Marco Bianchi', schedule: never }),
  ])
  const visitor = await stage.visitor()
  await visitor.open()
  await visitor.says('Nobody is here right now')
  await visitor.frame.getByRole('button', { name: /^Leave a message/ }).click()
  await visitor.field('Name').fill('Nadia Haddad')
  await visitor.field('Email').fill('nadia@contoso.test')
  await visitor.message.fill('Do you ship to Malta?')
  await visitor.button('Leave a message').click()
  await visitor.says('Thank you, we have your message')
  await marco.button('Missed 1').waitFor()
  for (const agent of [dana, marco]) {
    await agent.button('Missed 1').click()
    await agent.rows.getByText('Nadia Haddad').click()
    await agent.button('Claim').waitFor()
  }
  await dana.button('Claim').click()
  await marco.page.getByText('Dana Weber has claimed this request.').waitFor()
  await marco.button('Missed 0').waitFor()
  expect(await marco.button('Reply').count()).toBe(0)
  await dana.button('Reply').click()
  await dana.page
    .getByRole('textbox', { name: 'Reply to nadia@contoso.test by e-mail' })
    .fill('Yes, in four days.')
  await screenshot(dana.page, 'missed-reply')
  await dana.button('Send e-mail').click()
  await dana.hears('Yes, in four days.')
  await marco.hears('Yes, in four days.')
  await visitor.page.close()

  const link = linkIn(await mailTo('nadia@contoso.test'))
  expect(link.startsWith(stage.host.url)).toBe(true)
  const back = new WidgetScreen((await stage.visitor({ url: link })).page)
  await back.says('Yes, in four days.')
  await back.says('Do you ship to Malta?')
  expect(back.page.url()).toBe(stage.host.url)
})

test('in the list, of two who claim a missed request one gets it and the other is told; reply is one key away', async () => {
  const [dana, marco] = await Promise.all([
    stage.agent({ name: 'Dana Quick', schedule: never }),
    stage.agent({ name: 'Marco Quick', schedule: never }),
  ])
  for (const name of ['Ines Pons', 'Yusuf Kaya']) {
    const visitor = await stage.foyer.visitor({
      fields: { name, email: `${name.split(' ')[0]?.toLowerCase()}@contoso.test` },
    })
    await visitor.asks('Anybody there?')
    await waitFor('nobody is', () => visitor.conversation?.status === 'missed')
    await visitor.leaves()
  }
  const rowIn = (agent: typeof dana, name: string) => agent.rows.filter({ hasText: name })
  for (const agent of [dana, marco]) {
    await agent.button(/^Missed \d/).click()
    await rowIn(agent, 'Ines Pons').hover()
  }
  // Marco has pressed before Dana, and Foyer hears of hers first
  const claimed = Promise.withResolvers<void>()
  await marco.page.route('**/claim', async (route) => {
    await claimed.promise
    await route.continue()
  })
  await screenshot(dana.page, 'missed-quick-actions')
  const claimOf = (agent: typeof dana) =>
    agent.page.getByRole('button', { name: 'Claim the request of Ines Pons' }).click()
  await claimOf(marco)
  await claimOf(dana)
  await dana.page.getByText('Claimed by you').waitFor()
  await rowIn(marco, 'Ines Pons').getByText('Claimed by Dana Quick').waitFor()
  claimed.resolve()
  await rowIn(marco, 'Ines Pons')
    .getByRole('status')
    .getByText('Dana Quick has claimed this request.')
    .waitFor()
  expect(await marco.page.getByRole('button', { name: /Ines Pons/ }).count()).toBe(0)

  // by keyboard: the row, its reply
  await rowIn(dana, 'Yusuf Kaya').getByRole('link').focus()
  await dana.page.keyboard.press('Tab')
  await dana.page.keyboard.press('Enter')
  const answer = dana.page.getByRole('textbox', { name: 'Reply to yusuf@contoso.test by e-mail' })
  await expect.poll(() => answer.evaluate((field) => field === document.activeElement)).toBe(true)
  await dana.page.keyboard.type('We are back now.')
  await dana.button('Send e-mail').click()
  expect(await mailTo('yusuf@contoso.test')).toContain('We are back now.')
})

test('what is written to a visitor who has left is mailed, and the transcript too', async () => {
  const { agent, visitor } = await stage.chatInInbox({ name: 'Omar Said', email: 'omar@contoso.test' })
  await visitor.leaves()
  await agent.page.getByText('What you write is mailed to omar@contoso.test').waitFor()
  await agent.say('Still there?')
  await agent.page.getByText('Your message was mailed to omar@contoso.test.').waitFor()
  await screenshot(agent.page, 'departed')
  const link = linkIn(await mailTo('omar@contoso.test'))
  const back = await stage.visitor({ url: link })
  await back.says('Still there?')
  await back.say('Yes!')
  await agent.hears('Yes!')
  await agent.button('End session').click()
  await agent.button('Support').click()
  await agent.button('Mail transcript').click()
  await agent.page.getByText('On its way to omar@contoso.test').waitFor()
  await waitFor('it is there', async () =>
    (await mailTo('omar@contoso.test')).includes('This is what was said'),
  )
})

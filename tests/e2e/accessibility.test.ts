import { beforeAll, test } from 'vitest'
import { axeFindsNothing } from '../support/every-look.ts'
import { never } from '../support/factories.ts'
import { follow } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'
import type { WidgetScreen } from '../support/widget-screen.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage({
    site: {
      fields: [
        { name: 'name', required: true },
        { name: 'email', required: true },
        { name: 'jobTitle', required: false },
        { name: 'phone', required: false },
        { name: 'company', required: false },
      ],
      privacy: { notice: 'We keep what you write.', url: 'https://example.com/privacy', tick: true },
    },
  })
})

function inWidget({ page }: WidgetScreen, what: string): Promise<void> {
  const frame = page.frames().find((one) => one.url().includes('/widget/frame'))
  if (!frame) throw new Error('The widget has no frame')
  return axeFindsNothing(page, `widget: ${what}`, frame)
}

test('axe finds nothing in the inbox', async () => {
  const { page } = await stage.person('nobody yet')
  await page.goto(`${stage.foyer.origin}/inbox`)
  await page.getByRole('button', { name: 'Sign in' }).waitFor()
  await axeFindsNothing(page, 'sign-in')

  const agent = await stage.agent({ profile: 'admin', name: 'Dana Weber' })
  await agent.page.getByText('No chats right now').waitFor()
  await axeFindsNothing(agent.page, 'nothing yet')
  const visitor = await stage.visitorOffStage()
  await visitor.asks()
  await agent.offers.waitFor()
  await axeFindsNothing(agent.page, 'an offer')
  await agent.accept()
  await agent.say('Have a look at https://example.com')
  await visitor.says('I will')
  await agent.hears('I will')
  await agent.button('Note').click()
  await agent.page.getByRole('textbox', { name: 'Note' }).fill('Knows what she wants')
  await agent.button('Add note').click()
  await agent.hears('Knows what she wants')
  await agent.history.getByText('This chat').waitFor()
  await axeFindsNothing(agent.page, 'a chat')
  await agent.page.emulateMedia({ colorScheme: 'light' })
  await agent.button('More actions').click()
  await agent.page.getByRole('menu').waitFor()
  await axeFindsNothing(agent.page, 'what can be done with a chat')
  await agent.page.keyboard.press('Escape')
  await agent.page.keyboard.press('Escape')
  await agent.button('End session').click()
  const dialog = agent.page.getByRole('dialog', { name: 'End this chat?' })
  await dialog.waitFor()
  await axeFindsNothing(agent.page, 'the end')
  await dialog.getByRole('button', { name: /^Qualified/ }).click()
  await agent.button('Download transcript').waitFor()
  await agent.show('All')
  await agent.rows.first().waitFor()
  await axeFindsNothing(agent.page, 'all, and an ended chat')
  await agent.page.getByRole('button', { name: /^Missed/ }).click()
  await agent.page.getByText('Nothing missed').waitFor()
  await agent.button('Change until when').click()
  await agent.page.getByRole('menu').waitFor()
  await axeFindsNothing(agent.page, 'nothing missed, and a menu')
})

test('axe finds nothing on the pages beside the inbox', async () => {
  const { pool, clock } = stage.foyer
  await pool.query(
    `insert into people (id, email, name, job_title, company, updated_at)
     values (gen_random_uuid(), 'tom.becker@contoso.test', 'Tom Becker', 'Buyer', 'Contoso', $1)`,
    [clock.now()],
  )
  const { page } = await stage.agent({ profile: 'admin', name: 'Ada Berg', at: 'people' })
  const pages = {
    people: 'Tom Becker',
    'settings/preferences': 'My preferences',
    'settings/agents': 'Ada Berg',
    'settings/sites': 'Install',
    nowhere: 'This page does not exist',
  }
  for (const [path, text] of Object.entries(pages)) {
    await follow(page, path)
    await page.getByRole('main').getByText(text).first().waitFor()
    await axeFindsNothing(page, path)
  }
})

test('axe finds nothing in the widget, from greeting to end', async () => {
  const agent = await stage.agentOffStage()
  const visitor = await stage.visitor()
  await visitor.open()
  await visitor.button('Chat with us').waitFor()
  await axeFindsNothing(visitor.page, 'the host page')
  await inWidget(visitor, 'greeting')
  await visitor.button('Chat with us').click()
  await visitor.button('Start chat').click()
  await visitor.says('Please tick this first.')
  await inWidget(visitor, 'form with errors')
  await fillIn(visitor)
  await visitor.says('Finding someone for you')
  await inWidget(visitor, 'waiting')
  const { id } = await agent.accepts()
  await agent.says(id, 'Good morning')
  agent.socket.send({ type: 'typing', conversationId: id, typing: true })
  await visitor.say('See https://example.com')
  await agent.hears(id, 'See https://example.com')
  await visitor.page.context().setOffline(true)
  await visitor.says('Offline. What you send goes out when you’re back.')
  await visitor.say('Not sent yet')
  await inWidget(visitor, 'chat, offline')
  await visitor.page.context().setOffline(false)
  await agent.hears(id, 'Not sent yet')
  await inWidget(visitor, 'chat')
  await visitor.button('More').click()
  await visitor.says('End this chat?')
  await inWidget(visitor, 'asking to end')
  await visitor.button('End chat').click()
  await visitor.says('You ended the chat. Write again any time.')
  await inWidget(visitor, 'ended')
  await visitor.button('Back').click()
  await visitor.says('Earlier')
  await inWidget(visitor, 'greeting with earlier chats')
})

test('axe finds nothing in the widget where nobody can be reached', async () => {
  await stage.agentOffStage({ schedule: never })
  const visitor = await stage.visitor()
  await visitor.open()
  const leave = visitor.frame.getByRole('button', { name: /^Leave a message/ })
  await leave.waitFor()
  await inWidget(visitor, 'nobody there')
  await leave.click()
  await visitor.button('Leave a message').click()
  await visitor.says('Please tick this first.')
  await inWidget(visitor, 'leave a message')
  await fillIn(visitor, 'Leave a message')
  await visitor.says('Thank you, we have your message')
  await inWidget(visitor, 'message left')
})

async function fillIn(visitor: WidgetScreen, button = 'Start chat'): Promise<void> {
  await visitor.field('Name').fill('Sofia Ricci')
  await visitor.field('Email').fill('sofia.ricci@northwind.test')
  await visitor.message.fill('Do the racks come in blue?')
  await visitor.frame.getByRole('checkbox').check()
  await visitor.button(button).click()
}

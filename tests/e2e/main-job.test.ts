import { beforeAll, expect, test } from 'vitest'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

test('a visitor asks, one agent declines, the next accepts, and they talk', async () => {
  const [dana, marco, visitor] = await Promise.all([
    stage.agent({ name: 'Dana Weber' }),
    stage.agent({ name: 'Marco Bianchi' }),
    stage.visitor(),
  ])
  await visitor.open()
  await visitor.says('Ask us anything.')
  await visitor.button('Chat with us').click()

  await visitor.field('Email').fill('sofia.ricci')
  await visitor.button('Start chat').click()
  for (const [field, problem] of [
    ['Name', 'This is needed to start.'],
    ['Email', 'An e-mail address has an @, as in name@example.com'],
    ['Message', 'Write a few words first.'],
  ] as const)
    expect(await visitor.field(field).evaluate(describedBy)).toBe(problem)

  await visitor.field('Name').fill('Sofia Ricci')
  await visitor.field('Email').fill('sofia.ricci@northwind.test')
  await visitor.message.fill('Do the racks come in blue?')
  await visitor.button('Start chat').click()
  const askedAt = performance.now()
  const [first, second] = await Promise.race([
    dana.offers.waitFor().then(() => [dana, marco] as const),
    marco.offers.waitFor().then(() => [marco, dana] as const),
  ])
  expect(performance.now() - askedAt).toBeLessThan(5_000)
  await visitor.says('Finding someone for you')
  const offer = await first.offers.textContent()
  expect(offer).toContain('Sofia Ricci')
  expect(offer).toContain('Do the racks come in blue?')
  expect(await second.offers.count()).toBe(0)

  await first.offers.getByRole('button', { name: 'Decline' }).click()
  await second.accept()
  expect(await first.offers.count()).toBe(0)
  await visitor.says(`${second.row.name} joined`)

  await second.message.pressSequentially('Let me l')
  await visitor.frame
    .getByRole('status')
    .filter({ hasText: `${second.row.name} is typing` })
    .waitFor()
  await second.say('Yes, in RAL 5015.')
  await visitor.says('Yes, in RAL 5015.')
  // read, since the visitor looks at it
  await second.log.getByText('Read').waitFor()
  await visitor.message.pressSequentially('Great')
  await second.page.getByRole('status', { name: 'Sofia Ricci is typing' }).waitFor()
  await visitor.say('Great, and in red?')
  await second.hears('Great, and in red?')
  await visitor.log.getByText(/Read$/).waitFor()

  const conversation = ['Do the racks come in blue?', 'Yes, in RAL 5015.', 'Great, and in red?']
  expect(await visitor.said()).toEqual(conversation)
  expect(await second.said()).toEqual(conversation)
})

test('the agent sees who the visitor is and what happened lately', async () => {
  const { pool, clock } = stage.foyer
  const daysAgo = (days: number) => new Date(clock.now().getTime() - days * 24 * 60 * 60_000)
  await pool.query(
    `with person as (
       insert into people (id, email, name, job_title, crm_status, company, updated_at)
       values (gen_random_uuid(), 'sofia.ricci@northwind.test', 'Sofia Ricci', 'Head of Logistics', 'Customer', 'Northwind', $1)
       returning id)
     insert into activities (id, person_id, kind, at, subject, source)
     select gen_random_uuid(), person.id, kind, at, subject, 'directory' from person,
       (values ('call', $2::timestamptz, 'Call about the second hall'), ('email', $3, 'Offer from last year')) as a (kind, at, subject)`,
    [clock.now(), daysAgo(12), daysAgo(91)],
  )
  const { agent } = await stage.chatInInbox()

  const facts = agent.visitor.locator('dl')
  await facts.getByText('Head of Logistics').waitFor()
  const terms = await facts.locator('dt').allTextContents()
  expect(terms.slice(0, 5)).toEqual(['Name', 'Job title', 'Email', 'Phone', 'CRM status'])
  const values = (await facts.locator('dd').allTextContents()).map((value) => value.split('\n')[0]?.trim())
  expect(values.slice(0, 6)).toEqual([
    'Sofia Ricci',
    'Head of Logistics',
    'sofia.ricci@northwind.test unverified',
    '-',
    'Customer',
    'Northwind',
  ])

  await agent.history.getByText('Call about the second hall').waitFor()
  await agent.history.getByText('This chat').waitFor()
  await agent.history
    .getByText(/^Visit, 1 page/)
    .first()
    .waitFor()
  expect(await agent.history.getByText('Offer from last year').count()).toBe(0)
})

test('an active chat is nobody else’s, and a note is not the visitor’s', async () => {
  const { agent, visitor } = await stage.chat({ name: 'Tom Becker', text: 'A private question' })
  await agent.button('Note').click()
  await agent.page.getByRole('textbox', { name: 'Note' }).fill('He bargains hard')
  await agent.button('Add note').click()
  await agent.hears('He bargains hard')
  await agent.button('Reply').click()
  await agent.say('What would you like to know?')
  await visitor.says('What would you like to know?')
  await visitor.page.reload()
  await visitor.says('What would you like to know?')
  expect(await visitor.said()).toEqual(['A private question', 'What would you like to know?'])

  const other = await stage.agent({ name: 'Aiko Sato' })
  await other.show('All')
  await other.page.getByText('No conversations yet').or(other.rows.first()).first().waitFor()
  expect(await other.page.getByText('Tom Becker').count()).toBe(0)
  await other.page.getByRole('searchbox').fill('private question')
  await other.page.getByText('Nothing found for “private question”').waitFor()
  await other.page.goto(agent.page.url())
  await other.page.getByText('This chat is not there').waitFor()
  expect(await other.page.getByText('private question').count()).toBe(0)
})

test('a chat ends for both, its transcript stays, and the visitor can write again', async () => {
  const { agent, visitor } = await stage.chat({ name: 'Lena Koch', text: 'Do you ship to Graz?' })
  await agent.say('We do.')
  await visitor.says('We do.')

  await agent.button('End session').click()
  await agent.page
    .getByRole('dialog', { name: 'End this chat?' })
    .getByRole('button', { name: /^Qualified/ })
    .click()
  await visitor.says(`${agent.row.name} ended the chat. Write again any time.`)
  await agent.page.getByText(`${agent.row.name} ended the session`).waitFor()
  const [download] = await Promise.all([
    agent.page.waitForEvent('download'),
    agent.button('Download transcript').click(),
  ])
  expect(download.suggestedFilename()).toMatch(/\.txt$/)
  const transcript = await textOf(await download.createReadStream())
  expect(transcript).toMatch(/Lena Koch: Do you ship to Graz\?[\s\S]*We do\./)

  const other = await stage.agent({ name: 'Paul Novak' })
  await other.show('All')
  await other.rows.filter({ hasText: 'Lena Koch' }).click()
  await other.hears('Do you ship to Graz?')
  expect(await other.message.count()).toBe(0)
  await other.page.getByText('Qualified').first().waitFor()

  // nothing is asked twice, and the agent of before is asked first
  await visitor.say('One more thing')
  await agent.accept()
  await agent.page.getByText('Continues an earlier chat.').waitFor()
  await visitor.says(`${agent.row.name} joined`)
  expect(await agent.said()).toEqual(['One more thing'])
  expect(await agent.visitor.locator('dd').first().textContent()).toContain('Lena Koch')
})

/** The text an element is described by, as a screen reader would read it after the name. */
function describedBy(element: Element): string | undefined {
  const id = element.getAttribute('aria-describedby')
  return id ? document.getElementById(id)?.textContent?.trim() : undefined
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

import type { Pool } from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { anAgent, never } from '../support/factories.ts'
import { type Stage, setStage } from '../support/stage.ts'
import { waitFor } from '../support/wait.ts'

let stage: Stage
const many = 3_000

beforeAll(async () => {
  stage = await setStage()
  const { pool, clock, site } = stage.foyer
  const [rita, ugo] = [
    await anAgent(pool, clock.now(), { name: 'Rita Veteran', schedule: never }),
    await anAgent(pool, clock.now(), { name: 'Ugo Newcomer', schedule: never }),
  ]
  await seedEnded(pool, { now: clock.now(), siteId: site.id, often: rita.id, once: ugo.id })
})

test('thousands of ended chats open at once, as few rows, and go on as one scrolls', async () => {
  const agent = await stage.agent()
  const openedAt = performance.now()
  await agent.show('All')
  await agent.rows.filter({ hasText: `Visitor ${many} ` }).waitFor()
  expect(performance.now() - openedAt).toBeLessThan(2_000)
  expect(await agent.rows.count()).toBeLessThan(60)

  const list = agent.page.getByRole('list', { name: 'Conversations' })
  const older = agent.rows.filter({ hasText: `Visitor ${many - 250} ` })
  await waitFor('the 251st', async () => {
    // as far as there are rows so far
    await list.evaluate(({ parentElement, firstElementChild }) =>
      parentElement?.scrollTo({ top: 250 * (firstElementChild as HTMLElement).offsetHeight }),
    )
    return older.isVisible()
  })
  expect(await agent.rows.count()).toBeLessThan(60)
  await older.click()
  await agent.hears(`Question ${many - 250}`)
})

test('search finds people, filters find agents and outcomes, and clearing shows all again', async () => {
  const agent = await stage.agent()
  const search = agent.page.getByRole('searchbox')
  await search.fill('visitor-1234@')
  await expect.poll(() => agent.rows.allTextContents().then((rows) => rows.length)).toBe(1)
  await agent.rows.filter({ hasText: 'Visitor 1234 ' }).click()
  await agent.hears('Question 1234')
  await search.fill('nobody like this')
  await agent.page.getByText('Nothing found for “nobody like this”').waitFor()
  await search.fill('')

  await agent.button('Filter by agent, outcome or date').click()
  await agent.page.getByRole('combobox', { name: 'Agent' }).selectOption({ label: 'Ugo Newcomer' })
  await expect.poll(() => agent.rows.count()).toBe(1)
  await agent.page.getByRole('combobox', { name: 'Agent' }).selectOption({ label: 'Any agent' })
  await agent.page.getByLabel('From').fill('2099-01-01')
  await agent.page.getByText('Nothing matches these filters').waitFor()
  await agent.page.getByLabel('From').fill('')
  await agent.page.getByRole('combobox', { name: 'Outcome' }).selectOption({ label: 'Spam' })
  await expect.poll(() => agent.rows.first().textContent()).toContain('Spam')
  await agent.button('Clear filters').click()
  await agent.show('All')
  await agent.rows.filter({ hasText: `Visitor ${many} ` }).waitFor()
})

test('what somebody said is found by its words', async () => {
  const { agent, visitor } = await stage.chatInInbox({
    name: 'Nils Holm',
    text: 'We need a carousel for spindles',
  })
  await visitor.ends()
  await agent.page.getByText('The visitor ended the session').waitFor()
  // words are indexed within a second
  await expect.poll(async () => (await stage.foyer.pool.query('select from search_backlog')).rowCount).toBe(0)
  await agent.page.getByRole('searchbox').fill('spindles carousel')
  await agent.rows.filter({ hasText: 'Nils Holm' }).waitFor()
})

test('what an agent has not read is counted in its row and in the title, and a draft stays', async () => {
  const { agent, visitor } = await stage.chatInInbox({ name: 'Nina Berg' })
  const second = await stage.visitorOffStage({ name: 'Otto Lang', email: 'otto@example.test' })
  await second.asks('And me?')
  await agent.message.fill('half an ans')
  await agent.accept()
  // the chat before it is open until then, and read
  await agent.hears('And me?')
  await visitor.says('One')
  await visitor.says('Two')
  const row = agent.rows.filter({ hasText: 'Nina Berg' })
  await row.getByText(/^2\s*unread$/).waitFor()
  await row.getByText('Draft: half an ans').waitFor()
  await expect.poll(() => agent.page.title()).toContain('(2)')
  await row.click()
  await agent.hears('Two')
  expect(await agent.message.inputValue()).toBe('half an ans')
  await row.getByText('unread').waitFor({ state: 'detached' })
  await expect.poll(() => agent.page.title()).not.toContain('(')
})

/** Ended chats of one visitor each, a minute apart, the last one newest. One of them is another agent's. */
async function seedEnded(
  pool: Pool,
  { now, siteId, often, once }: { now: Date; siteId: string; often: string; once: string },
): Promise<void> {
  await pool.query(
    `with numbers as (select n, gen_random_uuid() as visitor, gen_random_uuid() as conversation,
                             $1::timestamptz - make_interval(mins => $2 - n + 10) as at
                      from generate_series(1, $2) n),
     v as (insert into visitors (id, site_id, token_hash, name, email, created_at, seen_at)
           select visitor, $3, sha256(convert_to(visitor::text, 'UTF8')), 'Visitor ' || n || ' of many',
                  'visitor-' || n || '@example.test', at, at from numbers),
     c as (insert into conversations (id, site_id, visitor_id, status, agent_id, client_id, requested_at, accepted_at,
             ended_at, end_reason, outcome, first_text, last_seq, last_at, last_text, last_sender, visitor_seen_at)
           select conversation, $3, visitor, 'ended', case when n = 42 then $5::uuid else $4::uuid end, n::text, at, at, at, 'agent',
                  case when n % 100 = 0 then 'spam' end, 'Question ' || n, 1, at, 'Question ' || n, 'visitor', at
           from numbers)
     insert into entries (conversation_id, seq, kind, sender_type, sender_id, client_id, at, text)
     select conversation, 1, 'message', 'visitor', visitor, n::text, at, 'Question ' || n from numbers`,
    [now, many, siteId, often, once],
  )
  await pool.query('analyze')
}

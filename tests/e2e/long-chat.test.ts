import { beforeAll, expect, test } from 'vitest'
import { type Stage, setStage } from '../support/stage.ts'
import { waitFor } from '../support/wait.ts'

let stage: Stage
const many = 2_000

beforeAll(async () => {
  stage = await setStage()
})

test('in a chat of thousands of lines a letter lays out no line, and a message draws only itself', async () => {
  const { pool, clock } = stage.foyer
  const { agent } = await stage.chatInInbox({ name: 'Long Talker', text: 'Hello' })
  const { page, log } = agent
  const address = page.url()
  await page.goto('about:blank')
  await pool.query(
    `with long as (update conversations set last_seq = last_seq + $1
                   where status = 'active' returning id, visitor_id, agent_id, last_seq - $1 as before)
     insert into entries (conversation_id, seq, kind, sender_type, sender_id, client_id, at, text)
     select id, before + n, 'message', case n / 3 % 2 when 0 then 'visitor' else 'agent' end,
            case n / 3 % 2 when 0 then visitor_id else agent_id end, 'many-' || n, $2,
            'Line ' || n || repeat(' and some more words', n % 5)
     from long, generate_series(1, $1::int) n`,
    [many, clock.now()],
  )
  await page.goto(address)
  await agent.hears(`Line ${many}`)
  await waitFor('the first line', async () => {
    await log.evaluate((element) => element.scrollTo(0, 0))
    return (await log.locator('.bubble').count()) > many
  })
  await log.evaluate((element) => element.scrollTo(0, element.scrollHeight))

  // the fastest of twenty, since the machine may be busy with something else: before, none took less than 20 ms
  expect(await agent.message.evaluate(fastestLetterMs)).toBeLessThan(8)

  await log.evaluate((element) => {
    const counted = element as HTMLElement & { drawn?: number }
    counted.drawn = 0
    new MutationObserver((records) => {
      counted.drawn = (counted.drawn ?? 0) + records.length
    }).observe(element, { childList: true, subtree: true, characterData: true, attributes: true })
  })
  await agent.say('One more')
  await log.getByText('Sent').last().waitFor()
  expect(await log.evaluate((element) => (element as HTMLElement & { drawn?: number }).drawn)).toBeLessThan(
    60,
  )
})

/** Runs in the page: how long it takes until a letter stands in the field and everything around it where it belongs. */
function fastestLetterMs(field: HTMLElement | SVGElement): number {
  const text = field as HTMLTextAreaElement
  const took = Array.from({ length: 20 }, (_, index) => {
    text.value = 'x'.repeat(index + 1)
    const began = performance.now()
    void text.offsetHeight
    return performance.now() - began
  })
  text.value = ''
  return Math.min(...took)
}

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Conversation } from '#core/contracts/conversations.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { type MailServer, startMailServer } from '#tests/workers/support/mail-server.ts'

/** After the end: the visitor writes again, and gets what was said. */

let foyer: TestFoyer
let mailServer: MailServer

beforeAll(async () => {
  mailServer = await startMailServer()
  foyer = await startFoyer({ config: { smtpUrl: mailServer.url } })
})
afterEach(() => retireEverybody(foyer))
afterAll(() => mailServer.close())

test('a new chat is linked to the old one, asks nothing twice, and goes first to the previous agent', async () => {
  const { visitor, agent, id } = await foyer.chat()
  // whoever is next in the round robin is somebody else
  await foyer.agent()
  await foyer.agent()
  await foyer.pool.query(`update visitors set name = 'Nadia', email = 'nadia@contoso.test' where id = $1`, [
    visitor.id,
  ])
  await agent.ends(id)
  for (let time = 0; time < 3; time++) {
    const again = await visitor.asks('One more thing')
    const chat = await agent.accepts(again.id)
    expect(chat.visitor).toMatchObject({ name: 'Nadia', email: 'nadia@contoso.test' })
    expect(chat.previousId).not.toBeNull()
    await agent.ends(again.id)
  }
  const back = await foyer.visitor({ token: visitor.session.token })
  expect(back.session.known).toMatchObject({ name: 'Nadia', email: 'nadia@contoso.test' })
})

test('with the previous agent away a colleague is asked', async () => {
  const { visitor, agent, id } = await foyer.chat()
  const colleague = await foyer.agent()
  await agent.ends(id)
  await agent.switchTo('unavailable')
  const again = await visitor.asks('One more thing')
  expect((await colleague.accepts(again.id)).previousId).toBe(id)
})

test('the transcript goes to the visitor by mail, without notes', async () => {
  const { visitor, agent, id } = await foyer.chat({ first: 'What does it cost?' })
  const mail = () => agent.http.post<{ to: string }>(`/conversations/${id}/mail-transcript`)
  await agent.says(id, 'It costs 40 EUR.')
  await agent.writesNote(id, 'Hard bargainer')
  await expect(mail()).rejects.toMatchObject({ status: 404 })
  await agent.ends(id)
  await expect(mail()).rejects.toMatchObject({ code: 'no_address' })
  await agent.http.patch<Conversation>(`/visitors/${visitor.id}`, { email: 'nadia@contoso.test' })
  expect(await mail()).toEqual({ to: 'nadia@contoso.test' })
  await waitFor('the mail is there', () => mailServer.received.length === 1)
  const raw = mailServer.received[0]?.raw ?? ''
  expect(raw).toContain('What does it cost?')
  expect(raw).toContain('It costs 40 EUR.')
  expect(raw).not.toContain('Hard bargainer')
})

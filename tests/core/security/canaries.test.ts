import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

const email = 'sofia.ricci@northwind.test'
/** What only the company knows of her. */
const secrets = {
  name: 'canary-name',
  job_title: 'canary-job',
  phone: 'canary-phone',
  crm_status: 'canary-status',
  company: 'canary-company',
  owner_email: 'canary-owner@foyer.test',
  external_url: 'https://crm.example/canary-record',
}

test('nothing the company knows of a visitor reaches that visitor', async ({ foyer }) => {
  await foyer.pool.query(
    `insert into people (id, email, name, job_title, phone, crm_status, company, owner_email, external_url, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [randomUUID(), email, ...Object.values(secrets), foyer.clock.now()],
  )
  await foyer.pool.query(
    `insert into activities (id, person_id, kind, at, subject, detail, source)
     select $1, id, 'email', $2, 'canary-subject', 'canary-detail', 'directory' from people`,
    [randomUUID(), foyer.clock.now()],
  )
  const agent = await foyer.agent({ name: 'Dana Weiss' })
  const visitor = await foyer.visitor({ fields: { email } })
  const heard: unknown[] = [visitor.session]
  const note = async (answer: Promise<unknown>) =>
    void heard.push(await answer.catch((error) => error.problem))

  const { id } = await visitor.asks('Hello')
  await agent.accepts(id)
  // the agent sees all of it
  const panel = JSON.stringify(await agent.http.get(`/visitors/${visitor.id}`))
  for (const secret of Object.values(secrets)) expect(panel).toContain(secret)
  await agent.http.patch(`/visitors/${visitor.id}`, { company: 'canary-correction' })
  await agent.writesNote(id, 'canary-note')
  await agent.says(id, 'Welcome')
  agent.socket.send({ type: 'seen', conversationId: id, readSeq: 1, receivedSeq: 1 })
  await visitor.hears('Welcome')
  await visitor.says('Thanks')
  await visitor.connect()
  const { http } = visitor
  const message = { clientId: randomUUID(), text: 'Over HTTP' }
  await note(http.get('/widget/conversations'))
  await note(http.get(`/widget/conversations/${id}/messages`))
  await note(http.post(`/widget/conversations/${id}/messages`, message))
  await note(http.post('/widget/conversations', { ...message, clientId: randomUUID(), fields: { email } }))
  await note(http.get(`/widget/sites/${foyer.site.key}`))
  await note(http.post('/widget/sessions', { siteKey: foyer.site.key, token: visitor.session.token }))
  await agent.http.post(`/conversations/${id}/end`, { outcome: 'not_a_fit' })
  await visitor.socket.frame('conversation', ({ conversation }) => conversation.status === 'ended')
  await agent.http.put(`/conversations/${id}/outcome`, { outcome: 'qualified' })
  await note(http.post('/widget/messages', { fields: { email }, text: 'Later', clientId: randomUUID() }))
  await note(http.get('/widget/conversations'))
  // the same address in another browser proves nothing
  const imposter = await foyer.visitor({ fields: { email } })
  await waitFor('everything has arrived', () => imposter.socket.frames.length > 0)
  heard.push(imposter.session, ...visitor.socket.frames, ...imposter.socket.frames, visitor.conversation)

  const all = JSON.stringify(heard)
  expect(all).toContain('Welcome')
  expect(all).not.toMatch(/canary/i)
  expect(all).not.toMatch(/qualified|not_a_fit/)
  // of the staff a visitor learns names, and addresses of nobody
  expect(all).not.toContain(agent.me.email)
  expect(JSON.stringify(imposter.session)).not.toContain('Weiss')
  expect(JSON.stringify(heard.slice(-3))).not.toContain('Hello')
})

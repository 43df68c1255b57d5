import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import type { MemoryCrm } from '#tests/support/memory-crm.ts'
import { waitFor } from '#tests/support/wait.ts'

const email = 'sofia.ricci@northwind.test'
let foyer: TestFoyer
let crm: MemoryCrm

beforeAll(async () => {
  // mail is queued; nobody takes it
  const config = { smtpUrl: 'smtp://127.0.0.1:9' }
  ;({
    foyer,
    crms: [crm],
  } = await foyerWithCrms(['acme'], { config }))
  await crm.connect(foyer.app.services)
})

test('nothing that a CRM knows of a visitor reaches that visitor, by the widget or by mail', async () => {
  const person = crm.put({
    emails: [email, 'canary-second@northwind.test'],
    fields: {
      name: 'canary-name',
      jobTitle: 'canary-job',
      phone: 'canary-phone',
      crmStatus: 'canary-status',
      company: 'canary-company',
    },
    owner: { id: 'canary-id', name: 'canary-owner', email: 'canary@crm.test', active: true, isQueue: false },
    company: {
      id: 'canary-c',
      name: 'canary-company',
      domain: 'canary.test',
      owner: null,
      url: 'https://crm.example/canary',
      changedAt: null,
    },
    url: 'https://crm.example/canary-record',
  })
  crm.addActivity(person.id, { title: 'canary-title', detail: 'canary-detail', at: foyer.clock.now() })
  const agent = await foyer.agent({ name: 'Dana Weiss' })
  const visitor = await foyer.visitor({ fields: { email } })
  const heard: unknown[] = [visitor.session]
  const note = async (answer: Promise<unknown>) =>
    void heard.push(await answer.catch((error) => error.problem))

  const { id } = await visitor.asks('Hello')
  await agent.accepts(id)
  await agent.socket.frame('visitor', (frame) => frame.visitor.name === 'canary-name')
  // the agent sees all of it, the history too
  await waitFor('the history', async () =>
    JSON.stringify(await agent.http.get(`/visitors/${visitor.id}/activities`)).includes('canary-title'),
  )
  await agent.says(id, 'Welcome')
  await visitor.hears('Welcome')
  await visitor.connect()
  const { http } = visitor
  await note(http.get('/widget/conversations'))
  await note(http.get(`/widget/conversations/${id}/messages`))
  await note(http.post('/widget/conversations', { text: 'x', clientId: randomUUID(), fields: { email } }))
  await note(http.get(`/widget/sites/${foyer.site.key}`))
  await note(http.post('/widget/sessions', { siteKey: foyer.site.key, token: visitor.session.token }))
  await agent.ends(id)
  await visitor.socket.frame('conversation', ({ conversation }) => conversation.status === 'ended')
  await agent.http.post(`/conversations/${id}/mail-transcript`)
  const imposter = await foyer.visitor({ fields: { email } })
  await waitFor('everything has arrived', () => imposter.socket.frames.length > 0)
  heard.push(imposter.session, ...visitor.socket.frames, ...imposter.socket.frames, visitor.conversation)
  const { rows: mails } = await foyer.pool.query('select * from mails')
  expect(mails.length).toBeGreaterThan(0)
  heard.push(mails)

  const all = JSON.stringify(heard)
  expect(all).toContain('Welcome')
  expect(all).not.toMatch(/canary/i)
})

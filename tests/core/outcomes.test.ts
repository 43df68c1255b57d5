import { expect } from 'vitest'
import type { Conversation, ConversationPage } from '#core/contracts/conversations.ts'
import type { OutcomeList } from '#core/contracts/outcomes.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { test } from '#tests/support/foyer.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

const usual = [
  { key: 'qualified', label: 'Qualified' },
  { key: 'not_a_fit', label: 'Not a fit' },
  { key: 'support', label: 'Support' },
  { key: 'spam', label: 'Spam' },
]

test('a chat ends with one of the organisation’s outcomes, and keeps it when it is offered no more', async ({
  foyer,
}) => {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const { agent, id } = await foyer.chat()
  const save = (outcomes: object[]) => admin.http.put<OutcomeList>('/outcomes', { outcomes })
  const { outcomes } = await save([
    { label: 'Größere Anfrage!' },
    { key: 'spam', label: 'Junk' },
    { label: '商談' },
  ])
  expect(outcomes).toEqual([
    { key: 'gro_ere_anfrage', label: 'Größere Anfrage!', offered: true },
    { key: 'spam', label: 'Junk', offered: true },
    { key: 'outcome', label: '商談', offered: true },
    { key: 'not_a_fit', label: 'Not a fit', offered: false },
    { key: 'qualified', label: 'Qualified', offered: false },
    { key: 'support', label: 'Support', offered: false },
  ])
  await agent.socket.frame('settings_changed', ({ what }) => what === 'outcomes')
  expect(await agent.http.get('/outcomes')).toMatchObject({ outcomes })

  await expect(agent.ends(id, 'qualified')).rejects.toMatchObject({ status: 422, code: 'invalid_input' })
  expect((await foyer.stateOf(id)).status).toBe('active')
  expect((await agent.ends(id, 'gro_ere_anfrage')).outcome).toBe('gro_ere_anfrage')
  await save(usual)
  expect((await agent.http.get<Conversation>(`/conversations/${id}`)).outcome).toBe('gro_ere_anfrage')
  const set = (outcome: unknown) => agent.http.put(`/conversations/${id}/outcome`, { outcome })
  for (const outcome of ['never-heard', 'outcome', 'x'.repeat(50), '', 7])
    await expect(set(outcome)).rejects.toMatchObject({ status: 422 })
  // old ones are still found by it
  const found = await agent.http.get<ConversationPage>('/conversations?view=all&outcome=gro_ere_anfrage')
  expect(found.conversations.map((one) => one.id)).toEqual([id])
  await set('support')
  await set(null)
})

test('a name used again gets a key of its own', async ({ foyer }) => {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const { outcomes } = await admin.http.put<OutcomeList>('/outcomes', { outcomes: [{ label: 'Support' }] })
  expect(outcomes[0]).toEqual({ key: 'support_2', label: 'Support', offered: true })
  await admin.http.put('/outcomes', { outcomes: usual })
})

test('only admins change the list, and a list that is none is refused', async ({ foyer }) => {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const agent = await foyer.agent({ online: false })
  const before = await agent.http.get('/outcomes')
  await expect(agent.http.put('/outcomes', { outcomes: usual })).rejects.toMatchObject({ status: 403 })
  for (const [outcomes, field] of [
    [[{ label: ' ' }], 'outcomes.0.label'],
    [[{ label: 'x'.repeat(41) }], 'outcomes.0.label'],
    [[{ label: 'Won' }, { label: 'won' }], 'outcomes.1.label'],
    [[...usual, { key: 'spam', label: 'Again' }], 'outcomes.4.label'],
    [[{ key: 'nobody_has_it', label: 'x' }], 'outcomes.0.key'],
    [[{ key: 'DROP', label: 'x' }], 'outcomes.0.key'],
    [Array.from({ length: 10 }, (_, n) => ({ label: `${n}` })), 'outcomes'],
    ['all', 'outcomes'],
  ] as const)
    await expect(admin.http.put('/outcomes', { outcomes })).rejects.toMatchObject({
      status: 422,
      problem: { errors: [{ field }] },
    })
  expect(await agent.http.get('/outcomes')).toEqual(before)
})

import { beforeAll, expect } from 'vitest'
import type { z } from 'zod'
import type { AuditPage } from '#core/contracts/agents.ts'
import { audit } from '#core/features/audit/audit.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { password } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'

type Page = z.infer<typeof AuditPage>

let foyer: TestFoyer
let admin: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
})

test('what an admin did is there by name, newest first, without the secrets', async () => {
  const agent = await admin.http.post<{ id: string }>('/agents', {
    email: 'new@audit.test',
    name: 'New Name',
    profile: 'live_agent',
    password,
  })
  await admin.http.patch(`/agents/${agent.id}`, { active: false, password: 'an entirely new one' })
  const site = await admin.http.post<{ id: string }>('/sites', { name: 'Audited', allowedOrigins: [] })
  const { entries } = await admin.http.get<Page>('/audit-log')
  expect(entries.slice(0, 3)).toMatchObject([
    { actor: 'Ada Admin', action: 'site.created', object: 'Audited' },
    { actor: 'Ada Admin', action: 'agent.deactivated', object: 'New Name', detail: { password: 'changed' } },
    { actor: 'Ada Admin', action: 'agent.created', object: 'New Name' },
  ])
  expect(JSON.stringify(entries)).not.toContain('an entirely new one')
  expect(site.id).toBeDefined()
})

test('what was refused is not there', async () => {
  const before = await admin.http.get<Page>('/audit-log')
  await expect(admin.http.patch(`/agents/${admin.id}`, { active: false })).rejects.toMatchObject({
    code: 'last_admin',
  })
  expect(await admin.http.get<Page>('/audit-log')).toEqual(before)
})

test('it pages through everything once', async () => {
  const { db, clock } = foyer.app.services
  await db.transaction().execute(async (tx) => {
    for (let index = 0; index < 230; index++)
      await audit(tx, { now: clock.now(), actorId: null, action: 'test.made', detail: { index } })
  })
  const seen: Page['entries'] = []
  let cursor: string | null = null
  do {
    const page: Page = await admin.http.get(`/audit-log${cursor ? `?cursor=${cursor}` : ''}`)
    seen.push(...page.entries)
    cursor = page.nextCursor
  } while (cursor)
  const made = seen.filter(({ action }) => action === 'test.made')
  expect(made.map(({ detail }) => (detail as { index: number }).index)).toEqual(
    Array.from({ length: 230 }, (_, index) => 229 - index),
  )
  expect(made[0]).toMatchObject({ actor: null, object: null })
  for (const forged of ['x', 'WyJhIl0', Buffer.from('[1,2]').toString('base64url')])
    await expect(admin.http.get(`/audit-log?cursor=${forged}`)).rejects.toMatchObject({ status: 422 })
})

test('is for those who may see it', async () => {
  const agent = await foyer.agent({ online: false })
  await expect(agent.http.get('/audit-log')).rejects.toMatchObject({ status: 403 })
})

import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { sql } from 'kysely'
import { beforeAll, expect, test } from 'vitest'
import type { CrmPerson } from '#connectors/sdk/crm.ts'
import { storePeople } from '#core/features/mirror/store.ts'
import { orderWrites } from '#core/features/write-back/orders.ts'
import { writeNow } from '#core/features/write-back/run.ts'
import { change } from '#core/services.ts'
import { aConversation, anAgent, aVisitor } from '#tests/support/factories.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import type { MemoryCrm } from '#tests/support/memory-crm.ts'

let foyer: TestFoyer
let crm: MemoryCrm
const signal = new AbortController().signal

beforeAll(async () => {
  ;({
    foyer,
    crms: [crm],
  } = await foyerWithCrms(['acme'], { workers: false }))
})

test('a worker that is killed between what it wrote and its note of it leaves one record, written once', async () => {
  const { services } = foyer.app
  const now = foyer.clock.now()
  await crm.connect(services, { previewed_at: now, writing_on: true })
  const agent = await anAgent(foyer.pool, now)
  const visitor = await aVisitor(foyer.pool, now, {
    siteId: foyer.site.id,
    name: 'Ada',
    email: 'ada@northwind.test',
  })
  const conversationId = await aConversation(foyer.pool, now, {
    siteId: foyer.site.id,
    visitorId: visitor.id,
    agentId: agent.id,
    status: 'ended',
  })
  await change(services, (change) =>
    orderWrites(services, change, visitor.id, { kind: 'conversation', conversationId }),
  )
  const { rows } = await sql<{ id: string }>`select id from crm_writes`.execute(services.db)
  const id = rows[0]?.id ?? ''
  // what came of it is never written down
  await writeNow(services, id, signal)
  await writeNow(services, id, signal)
  const settle = await writeNow(services, id, signal)
  await services.db.transaction().execute(async (tx) => settle?.(tx))
  expect(crm.people.size).toBe(1)
  expect(crm.logged).toHaveLength(1)
  // done is done
  expect(await writeNow(services, id, signal)).toBeUndefined()
  expect(crm.callsOf('logConversation')).toHaveLength(3)
})

test('answers stored late, again and in any order end with the newest', async () => {
  const { db } = foyer.app.services
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 2 }),
      fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 1 }),
      async (first, again) => {
        const id = randomUUID()
        const version = (number: number): CrmPerson => ({
          type: 'Contact',
          id,
          emails: [`v${number}-${id}@northwind.test`],
          fields: { name: `v${number}` },
          owner: null,
          company: null,
          url: 'https://crm.example/1',
          changedAt: new Date(1_700_000_000_000 + number * 1_000),
          formerIds: [],
        })
        for (const number of [...first, ...again])
          await db.transaction().execute((tx) =>
            storePeople(tx, { connector: 'acme', types: ['Contact'] }, [version(number)], {
              readAt: new Date(1_800_000_000_000),
              direct: number % 2 === 0,
            }),
          )
        const newest = Math.max(...first, ...again)
        const { rows } = await sql<{ name: string; emails: string[] }>`
          select fields -> 'name' ->> 'value' as name,
            (select array_agg(email) from people_mirror_emails e where e.external_id = m.external_id) as emails
          from people_mirror m where external_id = ${id}`.execute(db)
        expect(rows).toEqual([{ name: `v${newest}`, emails: [`v${newest}-${id}@northwind.test`] }])
      },
    ),
    { numRuns: 40 },
  )
})

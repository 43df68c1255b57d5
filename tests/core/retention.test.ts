import { expect, test } from 'vitest'
import { audit } from '#core/features/audit/audit.ts'
import { forgetOld } from '#core/features/retention/retention.ts'
import { aConversation, anAgent, aVisitor } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

const day = 86_400_000
const startsAt = new Date('2026-11-22T12:00:00Z')
const before = (ms: number) => new Date(startsAt.getTime() - ms)
/** At the very instant, however long the test took to get here. */
const go = ({ app, clock }: TestFoyer) => {
  clock.stopAt(startsAt)
  return forgetOld(app.services, new AbortController().signal)
}
const count = async ({ pool }: TestFoyer, table: string) =>
  (await pool.query<{ n: number }>(`select count(*)::int as n from ${table}`)).rows[0]?.n

async function visits(foyer: TestFoyer, visitorId: string, at: Date) {
  await foyer.pool.query(
    'insert into visits (id, visitor_id, started_at, last_at) values (gen_random_uuid(), $1, $2, $2)',
    [visitorId, at],
  )
}

test('strangers without a conversation are forgotten after 90 days, with their visits and tokens', async () => {
  const foyer = await startFoyer({ workers: false, startsAt })
  const { pool, site } = foyer
  const come = async (at: Date, subject: string | null = null) => {
    const visitor = await aVisitor(pool, at, { siteId: site.id })
    await visits(foyer, visitor.id, at)
    await pool.query('update visitors set identity_subject = $2 where id = $1', [visitor.id, subject])
    return visitor.id
  }
  const gone = await come(before(91 * day))
  const stay = [await come(before(89 * day)), await come(before(91 * day), 'user-1')]
  const asked = await come(before(400 * day))
  await aConversation(pool, before(400 * day), { siteId: site.id, visitorId: asked, status: 'missed' })
  await come(before(3 * 365 * day), 'user-2')
  expect(await go(foyer)).toMatchObject({ visitors: 2, conversations: 0 })
  const { rows } = await pool.query<{ id: string }>('select id from visitors')
  expect(rows.map(({ id }) => id).sort()).toEqual([...stay, asked].sort())
  expect(await count(foyer, `visits where visitor_id = '${gone}'`)).toBe(0)
  expect(await count(foyer, 'visits')).toBe(3)
  expect(await count(foyer, `visitor_tokens where visitor_id = '${gone}'`)).toBe(0)
  await foyer.close()
})

test('conversations are forgotten 24 months after their end, and everything in them', async () => {
  const foyer = await startFoyer({ workers: false, startsAt })
  const { pool, site } = foyer
  const agent = await anAgent(pool, startsAt)
  const make = async (at: Date, status: 'ended' | 'missed' | 'active') => {
    const visitor = await aVisitor(pool, at, { siteId: site.id })
    const parts = {
      siteId: site.id,
      visitorId: visitor.id,
      agentId: status === 'missed' ? null : agent.id,
      at,
    }
    return aConversation(pool, at, { ...parts, status, texts: ['secret of long ago', 'Indeed'] })
  }
  const old = [
    await make(new Date('2024-11-22T11:59:59Z'), 'ended'),
    await make(new Date('2020-01-01T00:00:00Z'), 'missed'),
  ]
  const kept = [
    await make(new Date('2024-11-22T12:00:01Z'), 'ended'),
    await make(new Date('2020-01-01T00:00:00Z'), 'active'),
  ]
  await pool.query(
    `insert into notes (id, conversation_id, agent_id, client_id, after_seq, at, text)
     values (gen_random_uuid(), $1, $2, 'note', 1, $3, 'secret')`,
    [old[0], agent.id, startsAt],
  )
  await pool.query('update conversations set previous_id = $1 where id = $2', [old[0], kept[0]])
  await pool.query(
    `insert into search_documents (conversation_id, words) select unnest($1::uuid[]), to_tsvector('secret')`,
    [[...old, ...kept]],
  )
  // in more than one batch
  for (let n = 0; n < 120; n++) old.push(await make(before(1_000 * day), 'missed'))
  expect(await go(foyer)).toMatchObject({ conversations: old.length, visitors: old.length })
  expect(await count(foyer, 'conversations')).toBe(2)
  expect(await count(foyer, 'entries')).toBe(4)
  expect(await count(foyer, 'notes')).toBe(0)
  expect(await count(foyer, 'search_documents')).toBe(2)
  expect(await count(foyer, `conversations where previous_id is not null`)).toBe(0)
  for (const id of kept) expect((await foyer.stateOf(id)).texts).toHaveLength(2)
  await foyer.close()
})

test('the audit log, and what opens nothing any more', async () => {
  const foyer = await startFoyer({ workers: false, startsAt })
  const { pool, site } = foyer
  const { id: agentId } = await anAgent(pool, startsAt)
  await foyer.app.services.db.transaction().execute(async (tx) => {
    const write = (at: string) => audit(tx, { now: new Date(at), actorId: null, action: at })
    for (let n = 0; n < 1_200; n++) await write('2025-11-22T11:59:59Z')
    await write('2025-11-22T12:00:01Z')
  })
  for (const [hash, expires] of [
    ['a', before(1)],
    ['b', new Date(startsAt.getTime() + day)],
  ] as const)
    await pool.query(
      `insert into sessions (token_hash, agent_id, created_at, expires_at, address) values ($1, $2, $3, $4, '203.0.113.1')`,
      [Buffer.from(hash), agentId, before(day), expires],
    )
  for (const [hash, expires] of [
    ['a', before(2 * day)],
    ['b', before(1)],
  ] as const)
    await pool.query('insert into setup_links (token_hash, expires_at) values ($1, $2)', [
      Buffer.from(hash),
      expires,
    ])
  const asked = await aVisitor(pool, before(181 * day), { siteId: site.id })
  const waits = await aVisitor(pool, startsAt, { siteId: site.id })
  const parts = { siteId: site.id, agentId: null }
  for (const id of [
    await aConversation(pool, startsAt, { ...parts, visitorId: asked.id, status: 'missed' }),
    await aConversation(pool, startsAt, { ...parts, visitorId: waits.id, status: 'waiting' }),
  ])
    await pool.query(`insert into request_addresses values ($1, '203.0.113.1')`, [id])
  for (const table of ['booking_turns', 'chat_turns'])
    for (const at of [before(day), before(day - 1)])
      await pool.query(`insert into ${table} (key, at) values ('a hash', $1)`, [at])

  expect(await go(foyer)).toMatchObject({
    auditLog: 1_200,
    sessions: 1,
    setUpLinks: 1,
    visitorTokens: 1,
    addresses: 1,
    bookingTurns: 1,
    chatTurns: 1,
    visitors: 0,
  })
  for (const table of [
    'audit_log',
    'sessions',
    'setup_links',
    'visitor_tokens',
    'request_addresses',
    'booking_turns',
    'chat_turns',
  ])
    expect([table, await count(foyer, table)]).toEqual([table, 1])
  // and once more changes nothing
  expect(Object.values(await go(foyer)).every((n) => n === 0)).toBe(true)
  await foyer.close()
})

test('mails that were sent go after 30 days, and what says whom they were about no sooner', async () => {
  const foyer = await startFoyer({ workers: false, startsAt })
  const { pool } = foyer
  const agent = await anAgent(pool, startsAt)
  const mail = async (sentAt: Date | null) => {
    const { rows } = await pool.query<{ id: string }>(
      `with mail as (
         insert into mails (id, to_address, subject, text, created_at, sent_at)
         values (gen_random_uuid(), $1, 'Missed chat', 'Sofia Ricci', $2, $3) returning id)
       insert into mail_batches (id, agent_id, kind, due_at, closed_at, mail_id)
       select gen_random_uuid(), $4, 'missed', $2, $2, id from mail returning mail_id as id`,
      [agent.email, before(31 * day), sentAt, agent.id],
    )
    return rows[0]?.id
  }
  await mail(before(31 * day))
  const kept = [await mail(before(29 * day)), await mail(null)].sort()
  expect(await go(foyer)).toMatchObject({ mails: 1, mailBatches: 1 })
  const { rows } = await pool.query<{ id: string }>(
    'select m.id from mails m join mail_batches b on b.mail_id = m.id',
  )
  expect(rows.map(({ id }) => id).sort()).toEqual(kept)
  await foyer.close()
})

test('it waits for nobody, and what is held now goes the next time', async () => {
  const foyer = await startFoyer({ workers: false, startsAt })
  const held = await aVisitor(foyer.pool, before(91 * day), { siteId: foyer.site.id })
  await aVisitor(foyer.pool, before(91 * day), { siteId: foyer.site.id })
  const client = await foyer.pool.connect()
  await client.query('begin')
  await client.query('select from visitors where id = $1 for update', [held.id])
  expect(await go(foyer)).toMatchObject({ visitors: 1 })
  // she comes back
  await client.query('update visitors set seen_at = $2 where id = $1', [held.id, startsAt])
  await client.query('commit')
  client.release()
  expect(await go(foyer)).toMatchObject({ visitors: 0 })
  await foyer.close()
})

test('how long is an organisation’s own choice, and a broken-off run leaves the rest', async () => {
  const settings = { retention: { anonymousVisitorDays: 7 } }
  const foyer = await startFoyer({ workers: false, startsAt, settings })
  await aVisitor(foyer.pool, before(8 * day), { siteId: foyer.site.id })
  const stopped = AbortSignal.abort()
  expect(await forgetOld(foyer.app.services, stopped)).toMatchObject({ visitors: 0 })
  expect(await go(foyer)).toMatchObject({ visitors: 1 })
  await foyer.close()
})

test('the workers do it by themselves', async () => {
  const { retention } = await import('#workers/tasks/retention.ts')
  const { startSchedules, every } = await import('#workers/schedules.ts')
  const foyer = await startFoyer({ workers: false, startsAt })
  await aVisitor(foyer.pool, before(91 * day), { siteId: foyer.site.id })
  const { services } = foyer.app
  const { db, clock, log } = services
  const soon = every(10, retention.name, retention.run, { oneProcess: true })
  const running = startSchedules([soon], foyer.pool, {
    db,
    clock,
    log,
    services,
    signal: new AbortController().signal,
  })
  await waitFor('the stranger is forgotten', async () => (await count(foyer, 'visitors')) === 0)
  await running.stop()
  await foyer.close()
})

import { beforeAll, describe, expect } from 'vitest'
import { sendMail } from '#core/contracts/jobs.ts'
import { queueMail } from '#core/features/mail/mail.ts'
import { enqueue } from '#core/features/outbox/outbox.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'
import { SocketClient } from '#tests/support/socket-client.ts'
import { waitFor } from '#tests/support/wait.ts'

let foyer: TestFoyer
let admin: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  admin = await foyer.agent({ profile: 'admin', online: false })
})

const aJob = () =>
  foyer.app.services.db.transaction().execute((tx) =>
    enqueue(tx, foyer.clock, {
      task: sendMail,
      payload: { mailId: '0190f5a0-0000-7000-8000-000000000000' },
    }),
  )

async function aDeadJob(): Promise<number> {
  const id = await aJob()
  await foyer.pool.query(
    `update outbox set state = 'dead', finished_at = $2, attempts = 20, last_error = 'no route to host' where id = $1`,
    [id, foyer.clock.now()],
  )
  return id
}

async function aMail(unsentBecause: string | null): Promise<string> {
  const id = await foyer.app.services.db.transaction().execute((tx) =>
    queueMail(tx, foyer.clock, {
      to: { address: 'mia@operation.test' },
      subject: 'Your chat',
      text: 'What was said in private',
    }),
  )
  await foyer.pool.query('update mails set unsent_because = $2 where id = $1', [id, unsentBecause])
  return id
}

const metrics = async () => {
  const response = await fetch(`${foyer.origin}/metrics`, { headers: { connection: 'close' } })
  expect(response.status).toBe(200)
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('foyer_'))
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

describe('jobs that were given up', () => {
  test('are listed, newest first, and done again when an admin says so', async () => {
    const [first, second] = [await aDeadJob(), await aDeadJob()]
    const { jobFailures } = await admin.http.get<{ jobFailures: { id: number }[] }>('/job-failures')
    expect(jobFailures.slice(0, 2)).toMatchObject([
      { id: second, task: 'send-mail', attempts: 20, error: 'no route to host' },
      { id: first },
    ])
    expect(JSON.stringify(jobFailures)).not.toContain('mailId')
    await admin.http.post(`/job-failures/${first}/retry`)
    const { rows } = await foyer.pool.query(
      'select state, attempts, finished_at, relayed_at from outbox where id = $1',
      [first],
    )
    expect(rows).toEqual([{ state: 'open', attempts: 0, finished_at: null, relayed_at: null }])
    const { entries } = await admin.http.get<{ entries: unknown[] }>('/audit-log')
    expect(entries[0]).toMatchObject({ action: 'job.retried', object: String(first) })
  })

  test('are nobody else’s, and nothing else is retried', async () => {
    const open = await aJob()
    const dead = await aDeadJob()
    const agent = await foyer.agent({ online: false })
    await expect(agent.http.get('/job-failures')).rejects.toMatchObject({ status: 403 })
    await expect(agent.http.post(`/job-failures/${dead}/retry`)).rejects.toMatchObject({ status: 403 })
    for (const id of [open, dead + 1_000])
      await expect(admin.http.post(`/job-failures/${id}/retry`)).rejects.toMatchObject({ status: 404 })
    for (const id of ['x', '-1', '1.5', '9007199254740993', '1e400'])
      await expect(admin.http.post(`/job-failures/${id}/retry`)).rejects.toMatchObject({ status: 422 })
  })
})

describe('mail that was not sent', () => {
  test('is listed with the reason and without its text, and sent again when an admin says so', async () => {
    const id = await aMail('mailbox full')
    const { unsentMail } = await admin.http.get<{ unsentMail: { id: string }[] }>('/unsent-mail')
    expect(unsentMail.find((mail) => mail.id === id)).toEqual({
      id,
      to: 'mia@operation.test',
      subject: 'Your chat',
      createdAt: expect.any(String),
      unsentBecause: 'mailbox full',
    })
    await admin.http.post(`/unsent-mail/${id}/retry`)
    const { rows } = await foyer.pool.query(
      `select m.unsent_because, (select count(*)::int from outbox where state = 'open' and payload ->> 'mailId' = $1) as promised
       from mails m where m.id = $1::uuid`,
      [id],
    )
    // the promise of the first time was never kept, since no worker runs here
    expect(rows).toEqual([{ unsent_because: null, promised: 2 }])
    await expect(admin.http.post(`/unsent-mail/${id}/retry`)).rejects.toMatchObject({ status: 404 })
  })

  test('is nobody else’s', async () => {
    const id = await aMail('mailbox full')
    const agent = await foyer.agent({ online: false })
    await expect(agent.http.get('/unsent-mail')).rejects.toMatchObject({ status: 403 })
    await expect(agent.http.post(`/unsent-mail/${id}/retry`)).rejects.toMatchObject({ status: 403 })
    await expect(admin.http.post('/unsent-mail/x/retry')).rejects.toMatchObject({ status: 422 })
  })
})

describe('the numbers', () => {
  test('say what waits in the database, and for how long', async () => {
    const before = await metrics()
    const grown = async (name: string) => ((await metrics()).get(name) ?? 0) - (before.get(name) ?? 0)
    await aJob()
    await aDeadJob()
    await aMail(null)
    await aMail('mailbox full')
    await foyer.chat({ first: 'Is anybody indexing this?' })
    expect(await grown('foyer_jobs_dead')).toBe(1)
    expect(await grown('foyer_jobs_open')).toBeGreaterThanOrEqual(3)
    expect(await grown('foyer_mails_waiting')).toBe(1)
    expect(await grown('foyer_mails_unsent')).toBe(1)
    expect(await grown('foyer_conversations_active')).toBe(1)
    expect(await grown('foyer_search_backlog')).toBeGreaterThanOrEqual(1)
    foyer.clock.advance(120_000)
    const after = await metrics()
    for (const name of ['foyer_jobs_oldest_due', 'foyer_search_oldest', 'foyer_mails_oldest_waiting'])
      expect(after.get(`${name}_seconds`)).toBeGreaterThanOrEqual(120)
    expect(after.get('foyer_database_up')).toBe(1)
  })

  test('say who came, who came back, and who was turned away', async () => {
    const before = await metrics()
    const grown = async (name: string) => ((await metrics()).get(name) ?? 0) - (before.get(name) ?? 0)
    const visitor = await foyer.visitor()
    expect(await grown('foyer_sockets_opened_total{kind="visitor"}')).toBe(1)
    expect(await grown('foyer_sockets_reconnected_total{kind="visitor"}')).toBe(0)
    await visitor.socket.close()
    await waitFor('the drop to be written', async () => {
      const { rows } = await foyer.pool.query(
        'select from presence where subject_id = $1 and dropped_at is not null',
        [visitor.id],
      )
      return rows.length > 0
    })
    await visitor.connect()
    expect(await grown('foyer_sockets_reconnected_total{kind="visitor"}')).toBe(1)

    const url = `${foyer.origin.replace('http', 'ws')}/ws/agent`
    await expect(SocketClient.connect(url)).rejects.toThrow('403')
    await waitFor(
      'the refusal to be counted',
      async () => (await grown('foyer_sockets_refused_total{reason="http_403"}')) === 1,
    )
  })

  test('are there, those of the process, while the database is away', async () => {
    const alone = await startFoyer({ workers: false })
    await alone.pool.query('alter table search_backlog rename to search_backlog_away')
    const response = await fetch(`${alone.origin}/metrics`, { headers: { connection: 'close' } })
    const text = await response.text()
    expect(response.status).toBe(200)
    expect(text).toMatch(/^foyer_database_up 0$/m)
    expect(text).toMatch(/^foyer_jobs_open nan$/im)
    expect(text).toMatch(/^foyer_messages_waiting 0$/m)
  })
})

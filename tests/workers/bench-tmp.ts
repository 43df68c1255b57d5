import { startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { mkdtemp, chmod, rm } from 'node:fs/promises'
import { startRedis } from './support/redis.ts'
import { World, createDatabase, withClient } from './support/world.ts'
import { enqueue } from '#core/features/outbox/outbox.ts'
import { note } from './support/tasks.ts'
import { clock } from './support/world.ts'
import { startWorkers } from '#workers/start.ts'
import { tasks } from './support/tasks.ts'
const folder = await mkdtemp('/tmp/foyer-jb-'); await chmod(folder, 0o711)
const server = await startEmbeddedPostgres({ dataDir: folder }); const redis = await startRedis()
const sleep = (n: number) => new Promise((r) => setTimeout(r, n))
for (const form of ['pg', 'redis']) {
  const url = await createDatabase(server.url, 'b_' + form)
  const w = new World(url, form === 'pg' ? { databaseUrl: url } : { redisUrl: redis.url })
  await w.prepare()
  const done = new Map<string, number>()
  const workers = await startWorkers({ tasks, db: w.db, pool: w.pool, clock, queue: w.queueConfig, log: w.log, services: { worker: 'b', inTheMiddle: async (k: string) => { done.set(k, performance.now()) } } })
  const lat: number[] = []
  for (let i = 0; i < 200; i++) {
    const at = performance.now()
    await w.order('k' + i); workers.wake()
    while (!done.has('k' + i)) await sleep(0.5)
    lat.push(done.get('k' + i)! - at)
  }
  lat.sort((a, b) => a - b)
  console.log(form, 'latency incl. enqueue p50', lat[100]!.toFixed(1), 'p95', lat[190]!.toFixed(1), 'max', lat[199]!.toFixed(1))
  await w.db.transaction().execute(async (tx) => { for (let i = 0; i < 2000; i++) await enqueue(tx, clock, { task: note, payload: { key: 'm' + i } }) })
  const t = performance.now(); workers.wake()
  while (done.size < 2200) await sleep(5)
  console.log(form, '2000 jobs in', Math.round(performance.now() - t), 'ms')
  const cpu0 = process.cpuUsage(); await sleep(5000); const c = process.cpuUsage(cpu0)
  console.log(form, 'idle cpu ms per s', ((c.user + c.system) / 5000).toFixed(1))
  if (form === 'pg') console.log(await withClient(url, async (c) => (await c.query('select (select count(*) from bullmq.event) as events, (select count(*) from bullmq.job) as jobs')).rows))
  w.logged.length = 0
  if (form === 'redis') {
    await redis.stop()
    const cpu1 = process.cpuUsage(); await sleep(4000); const d = process.cpuUsage(cpu1)
    console.log('redis gone: cpu ms per s', ((d.user + d.system) / 4000).toFixed(1), 'log lines', w.logged.length)
    const s = performance.now(); await workers.stop(); console.log('stop took', Math.round(performance.now() - s))
    const at = performance.now()
    const again = await startWorkers({ tasks, db: w.db, pool: w.pool, clock, queue: w.queueConfig, log: w.log, services: { worker: 'b', inTheMiddle: async () => {} } })
    console.log('started without redis in', Math.round(performance.now() - at)); await sleep(1000)
    const s2 = performance.now(); await again.stop(); console.log('stop took', Math.round(performance.now() - s2))
    await Promise.race([w.close(), sleep(3000)])
  } else {
    const cpu1 = process.cpuUsage()
    await server.stop(); await sleep(4000); const d = process.cpuUsage(cpu1)
    console.log('pg gone: cpu ms per s', ((d.user + d.system) / 4000).toFixed(1), 'log lines', w.logged.length)
    const s = performance.now(); await workers.stop(); console.log('stop took', Math.round(performance.now() - s))
    await w.close()
    break
  }
}
await redis.stop().catch(() => {}); await server.stop().catch(() => {}); await rm(folder, { recursive: true, force: true }); process.exit(0)

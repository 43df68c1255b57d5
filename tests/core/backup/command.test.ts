import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { endPostgresOf } from '#tests/support/embedded.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import { ServerProcess } from '#tests/support/server-process.ts'

/** Runs what npm runs. */
async function command(
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; output: string }> {
  const process = ServerProcess.spawn(['core/backup/main.ts', ...args], env)
  const code = await process.ended()
  return { code, output: process.output }
}

test('from a running Foyer to a new folder, and on with it there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'foyer-command-'))
  await chmod(folder, 0o711)
  const [here, there] = [join(folder, 'here'), join(folder, 'there')]
  onTestFinished(async () => {
    for (const dataDir of [here, there]) await endPostgresOf(dataDir)
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  const [running, stopped] = [join(folder, 'backups', 'running'), join(folder, 'backups', 'stopped')]
  const demo = { FOYER_DATA_DIR: here, FOYER_DEMO_PASSWORD: 'a password of ours' }

  const foyer = await startFoyerProcess('demo', demo)
  onTestFinished(() => foyer.kill())
  const first = await command(['backup', running], demo)
  expect(first).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^Wrote .*running: [1-9]\d* conversations/),
  })
  expect(first.output).toContain(`Keep a copy of ${join(here, 'secret-key')} in another place`)
  expect(await command(['restore', running, '--replace'], demo)).toMatchObject({
    code: 1,
    output: expect.stringContaining('already uses'),
  })
  expect(await foyer.stop()).toBe(0)

  expect(await command(['backup', stopped], demo)).toMatchObject({ code: 0 })
  expect(await command(['restore', running], demo)).toEqual({
    code: 1,
    output:
      'The database is not empty. To replace everything in it, say so: npm run restore FILE -- --replace\n',
  })
  expect(await command(['restore', running, '--replace'], demo)).toMatchObject({ code: 0 })

  const elsewhere = { ...demo, FOYER_DATA_DIR: there }
  expect(await command(['backup', join(folder, 'x')], elsewhere)).toEqual({
    code: 1,
    output: `There is no database in ${there}. Set FOYER_DATA_DIR or FOYER_DATABASE_URL.\n`,
  })
  const restored = await command(['restore', stopped], elsewhere)
  expect(restored).toMatchObject({ code: 0, output: expect.stringContaining(`Put the secret key it had at`) })
  await copyFile(join(here, 'secret-key'), join(there, 'secret-key'))
  const again = await startFoyerProcess('demo', elsewhere)
  onTestFinished(() => again.kill())
  const dana = await AgentActor.signIn(again.origin, 'dana@foyer.test', 'a password of ours')
  const page = await dana.http.get<{ conversations: unknown[] }>('/conversations?view=all')
  expect(page.conversations.length).toBeGreaterThan(10)
  await dana.leaves()
  expect(await again.stop()).toBe(0)
})

test('what makes no sense is answered with how it is used', async () => {
  for (const args of [
    [],
    ['backup'],
    ['restore', '--replace'],
    ['backup', 'x', '--replace'],
    ['restore', 'x', '--force'],
  ]) {
    const { code, output } = await command(args, {})
    expect(code).toBe(1)
    expect(output).toContain('npm run restore FILE -- --replace')
  }
  const { code, output } = await command(['backup', 'x'], { FOYER_DATABASE_URL: 'mysql://nothing' })
  expect({ code, output }).toEqual({
    code: 1,
    output:
      'FOYER_DATABASE_URL is not valid: it should be an address such as postgres://user:password@host:5432/foyer.\n',
  })
})

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { atFileEnd } from '#tests/support/file-end.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { pathOf, radicale } from '#tests/support/tools.ts'
import { waitFor } from '#tests/support/wait.ts'
import { freePort } from '#tests/workers/support/redis.ts'

/** A real Radicale of the file's own, in which people are added as they are needed. */
export interface Radicale {
  origin: string
  /** Also gives somebody who is there another password. */
  setPassword(user: string, password: string): Promise<void>
  /** It does not know any more what was changed so far. */
  forgetChanges(user: string): Promise<void>
}

export async function startRadicale(): Promise<Radicale> {
  const folder = await folderForFile('radicale')
  const [port, users] = [await freePort(), path.join(folder, 'users')]
  const passwords = new Map<string, string>()
  await writeFile(users, '')
  await writeFile(
    path.join(folder, 'config'),
    `[server]
hosts = 127.0.0.1:${port}
[auth]
type = htpasswd
htpasswd_filename = ${users}
htpasswd_encryption = plain
delay = 0
[rights]
type = owner_only
[storage]
filesystem_folder = ${folder}/data
`,
  )
  await mkdir(path.join(folder, 'data'))
  const server = spawn(pathOf(radicale), ['--config', path.join(folder, 'config')], { stdio: 'ignore' })
  atFileEnd(() => kill(server))
  const origin = `http://127.0.0.1:${port}`
  await waitFor('Radicale answers', () =>
    fetch(`${origin}/.web/`, { headers: { connection: 'close' } }).then(
      async (answer) => (await answer.text()) !== '',
      () => false,
    ),
  )
  return {
    origin,
    async setPassword(user, password) {
      passwords.set(user, password)
      await writeFile(users, [...passwords].map((pair) => `${pair.join(':')}\n`).join(''))
    },
    async forgetChanges(user) {
      const home = path.join(folder, 'data', 'collection-root', user)
      for (const calendar of await readdir(home))
        await rm(path.join(home, calendar, '.Radicale.cache'), { recursive: true, force: true })
    },
  }
}

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  server.kill('SIGKILL')
  await once(server, 'exit')
}

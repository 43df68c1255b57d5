import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, globSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { StartError } from '#core/errors.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const stampFile = `${root}dist/.stamp`

/** Builds the inbox and the widget into dist/ unless what lies there was made from the very same sources.
 *  @returns whether anything had to be built.
 *  @throws StartError where nothing is built yet and the tools to do it are not installed. */
async function buildFrontEnds({ force = false } = {}): Promise<boolean> {
  const stamp = await hashOfSources()
  if (!force && (await stampOfBuild()) === stamp) return false
  const vite = await import('vite').catch(() => undefined)
  if (!vite) {
    // an installation without the tools runs what it was delivered with
    if (existsSync(`${root}dist/inbox/index.html`)) return false
    throw new StartError(
      'The pages of Foyer are not built, and the tools to build them are not installed: run "npm install" without --omit=dev.',
    )
  }
  await mkdir(`${root}dist`, { recursive: true })
  const release = await waitForTurn()
  try {
    // another process may just have built the same
    if (!force && (await stampOfBuild()) === stamp) return false
    await build(vite)
    await writeFile(stampFile, stamp)
    return true
  } finally {
    release()
  }
}

/** The same in a process of its own, for a server: the tools take 600 MB that V8 does not give back.
 *  @throws StartError with what the other process said. */
export async function buildFrontEndsApart(): Promise<void> {
  if ((await stampOfBuild()) === (await hashOfSources())) return
  const tools = spawn(process.execPath, [fileURLToPath(import.meta.url)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [said, [code]] = await Promise.all([text(tools.stderr), once(tools, 'exit')])
  if (code !== 0) throw new StartError(said.trim() || 'The pages of Foyer could not be built.')
}

async function build(vite: typeof import('vite')): Promise<void> {
  // a build that is cut short must not pass for a finished one
  await rm(stampFile, { force: true })
  const configs = globSync(['inbox-ui/vite.config.ts', 'widget/**/vite*.config.ts'], { cwd: root })
  await Promise.all(
    configs.map((config) =>
      vite.build({ configFile: `${root}${config}`, logLevel: 'error', mode: 'production' }),
    ),
  )
  await compressFiles()
}

/** One build at a time in one folder. The lock is SQLite's, so the kernel takes it from whoever dies.
 *  @returns the function that lets the next one in. */
async function waitForTurn(): Promise<() => void> {
  const lock = new DatabaseSync(`${root}dist/.lock`)
  for (;;) {
    try {
      lock.exec('begin exclusive')
      return () => lock.close()
    } catch (error) {
      if ((error as { errcode?: number }).errcode !== sqliteBusy) throw error
      await delay(100)
    }
  }
}

const sqliteBusy = 5

/** Lays a .br and a .gz beside every text, as small as they get, for core/plugins/front-ends.ts to send. */
async function compressFiles(): Promise<void> {
  const files = globSync('dist/{inbox,widget,pages}/**/*.{html,js,css,svg,json,webmanifest}', { cwd: root })
  const brotli = promisify(brotliCompress)
  await Promise.all(
    files.map(async (file) => {
      const content = await readFile(root + file)
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
      }
      await Promise.all([
        brotli(content, { params }).then((small) => writeFile(`${root}${file}.br`, small)),
        promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }).then((small) =>
          writeFile(`${root}${file}.gz`, small),
        ),
      ])
    }),
  )
}

async function hashOfSources(): Promise<string> {
  const files = globSync(['inbox-ui/**/*', 'widget/**/*', 'core/contracts/**/*', 'package-lock.json'], {
    cwd: root,
    withFileTypes: true,
  })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .sort()
  const hash = createHash('sha256')
  for (const file of files) {
    hash.update(file.slice(root.length)).update('\0')
    hash.update(await readFile(file))
  }
  return hash.digest('hex')
}

async function stampOfBuild(): Promise<string | undefined> {
  return existsSync(stampFile) ? readFile(stampFile, 'utf8') : undefined
}

if (import.meta.main) {
  const startedAt = performance.now()
  try {
    const built = await buildFrontEnds({ force: process.argv.includes('--force') })
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
    console.log(
      built ? `Built the inbox and the widget in ${seconds} s` : 'The inbox and the widget are built already',
    )
  } catch (error) {
    console.error(error instanceof StartError ? error.message : error)
    // an installation goes on without: whoever starts Foyer tries again and is told
    process.exitCode = process.argv.includes('--while-installing') ? 0 : 1
  }
}

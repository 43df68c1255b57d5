import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findTool, type Tool, tools } from './tools.ts'

/** First step of `npm test`: makes sure that Chromium, Redis and Radicale are there, and says in a line which ones
 *  are used. Installs through apt-get where it may (Debian, as root or with a sudo that asks nothing). */
const missing = tools.filter((tool) => !findTool(tool))
if (missing.length > 0) installAll(missing)

const stillMissing = tools.filter((tool) => !findTool(tool))
if (stillMissing.length > 0) {
  console.error(
    `The tests need ${names(stillMissing)}, and this machine has none that npm test could find or install. ` +
      `On Debian: apt-get install ${packages(stillMissing).join(' ')}; elsewhere put the programs into PATH.`,
  )
  process.exit(1)
}
console.log(`Tests use ${tools.map((tool) => `${tool.name} ${findTool(tool)}`).join(', ')}`)

function installAll(wanted: readonly Tool[]): void {
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  if (!existsSync('/usr/bin/apt-get')) return
  if (sudo.length > 0 && spawnSync('sudo', ['-n', 'true']).status !== 0) return
  console.log(`Installing ${names(wanted)} through apt-get`)
  const apt = (...args: string[]): boolean => {
    const [command = '', ...rest] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args]
    const { status, stdout, stderr } = spawnSync(command, rest, { encoding: 'utf8', timeout: 240_000 })
    if (status !== 0) console.error(`apt-get ${args[0]} failed:\n${stdout}${stderr}`)
    return status === 0
  }
  const install = (...names: string[]) => apt('install', '-q', '-y', '--no-install-recommends', ...names)
  apt('update', '-q')
  // a package that this system does not have must not keep the others out
  if (!install(...packages(wanted))) for (const name of packages(wanted)) install(name)
}

function names(wanted: readonly Tool[]): string {
  return new Intl.ListFormat('en').format(wanted.map((tool) => tool.name))
}

function packages(wanted: readonly Tool[]): string[] {
  return wanted.map((tool) => tool.debianPackage)
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** `npm run bench`: everything that has a limit, one part after the other, each in a process of its own that says what it
 *  measured and whether the limit was kept. `-- --only offers` for one part, `-- --quick` for a first look. */
const parts = {
  messages: 'messages, and the memory of idle sockets, beside a bare server',
  offers: 'from a request to the banner on an agent’s screen',
  routing: 'choosing an agent, by how many conversations there have been',
  rules: 'what 100 routing rules add',
  mirror: 'a million people of a CRM mirrored: panel, look-up, poll, import',
  salesforce: 'what an import takes of what Salesforce allows in a day',
  booking: 'a thousand visitors who want one time, and a booking among a million',
  card: 'from sharing a calendar to its days on the visitor’s screen',
  slots: 'the free times of one agent and of fifty, beside a bare loop',
}
/** Twice what the slowest part takes on a crowded machine: one that hangs must not hold up the rest. */
const mostMs = 30 * 60_000

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
})
const wanted = Object.entries(parts).filter(([name]) => !options.only || options.only === name)
if (wanted.length === 0) {
  console.error(`There is no part "${options.only}": ${Object.keys(parts).join(', ')}`)
  process.exit(2)
}

async function run(name: string): Promise<boolean> {
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  const child = spawn(process.execPath, [file, ...(options.quick ? ['--quick'] : [])], { stdio: 'inherit' })
  const timer = setTimeout(() => child.kill('SIGTERM'), mostMs)
  const [code] = await once(child, 'close')
  clearTimeout(timer)
  return code === 0
}

const broken: string[] = []
for (const [name, what] of wanted) {
  console.log(`\n— ${name}: ${what}`)
  if (!(await run(name))) broken.push(name)
}
console.log(broken.length === 0 ? '\nAll limits kept' : `\nBroken: ${broken.join(', ')}`)
process.exit(broken.length === 0 ? 0 : 1)

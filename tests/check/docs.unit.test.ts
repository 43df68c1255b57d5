import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (file: string) => readFileSync(`${root}/${file}`, 'utf8')
const namesIn = (text: string, pattern: RegExp) =>
  new Set([...text.matchAll(pattern)].map(([, name]) => String(name)))
const missing = (wanted: Set<string>, there: Set<string>) => [...wanted].filter((name) => !there.has(name))

const pages = [
  'README.md',
  'docs/architecture.md',
  'docs/protocol.md',
  'docs/operations.md',
  'docs/decisions.md',
]
/** Between backticks, with the blocks of code left out. */
const quotedIn = (page: string) => namesIn(read(page).replace(/^```.*?^```/gms, ''), /`([^`]+)`/g)

test('the README lists each variable of the environment, and no other', () => {
  const known = namesIn(read('core/config.ts'), /^ {2}(FOYER_\w+): (?!')/gm)
  const listed = namesIn(
    read('README.md')
      .split('\n')
      .filter((line) => line.startsWith('| `FOYER_'))
      .map((line) => line.split('|')[1])
      .join('\n'),
    /`(FOYER_\w+)`/g,
  )
  expect(known.size).toBeGreaterThan(20)
  expect(missing(known, listed)).toEqual([])
  expect(missing(listed, known)).toEqual([])
})

test('each frame of the sockets is told of', () => {
  const frames = namesIn(read('core/contracts/sockets.ts'), /type: z\.literal\('(\w+)'\)/g)
  expect(frames.size).toBeGreaterThan(20)
  expect(missing(frames, quotedIn('docs/protocol.md'))).toEqual([])
})

test.each(pages)('what %s names of the sources is there', (page) => {
  const files = globSync('{*,{core,connectors,workers,inbox-ui,widget,tests,docs}/**/*}.{ts,svelte,md,sql}', {
    cwd: root,
  })
  const isThere = (name: string) => files.some((file) => `/${file}`.includes(`/${name}`))
  const named = [...quotedIn(page)].filter((name) => /^[\w./-]+\.(ts|svelte|md|sql)$/.test(name))
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((name) => !isThere(name))).toEqual([])
})

test('the scripts that people are told to type are there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const typed = namesIn(pages.map(read).join('\n'), /npm\s+run\s+([\w:]+)/g)
  expect(typed.size).toBeGreaterThan(5)
  expect([...typed].filter((name) => !(name in scripts))).toEqual([])
})

import { expect, test } from 'vitest'
import { problemsOf } from './lock-file.ts'

const lockFile = (entry: object) =>
  JSON.stringify({ packages: { '': { name: 'foyer' }, 'node_modules/a': { version: '1.0.0', ...entry } } })

test('a package with integrity and no address is fine', () => {
  expect(problemsOf(lockFile({ integrity: 'sha512-x' }))).toEqual([])
})

test('an address of a registry is a problem', () => {
  const problems = problemsOf(lockFile({ integrity: 'sha512-x', resolved: 'https://registry.example/a.tgz' }))
  expect(problems).toEqual(['node_modules/a names the registry it came from: remove "resolved"'])
})

test('a package that nothing vouches for is a problem', () => {
  expect(problemsOf(lockFile({}))).toEqual(['node_modules/a has no integrity'])
})

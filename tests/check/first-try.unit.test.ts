import { glob, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

/** Where chance decides what happens: a failure that a second try would hide is what these are there to find. */
const byChance = 'tests/{core,faults}/**/*{races,model,message-log,live-state,resume,kill,storm}*.test.ts'

test('tests of races, models and kills have one try', async () => {
  const files = await Array.fromAsync(glob(byChance))
  expect(files.length).toBeGreaterThan(10)
  const sources = await Promise.all(files.map(async (file) => ({ file, text: await readFile(file, 'utf8') })))
  const others = sources.filter(({ text }) => !text.startsWith('// @module-tag first-try\n'))
  expect(others.map(({ file }) => file)).toEqual([])
})

import { expect, onTestFinished, test } from 'vitest'
import { ServerProcess } from '#tests/support/server-process.ts'

/** An entry point of three parts, of which the first and the last do not stop as they should. All of them speak on one
 *  stream: two streams have no order. */
const threeParts = `
  import { runProcess } from '#core/process.ts'
  setInterval(() => undefined, 1_000)
  await runProcess(async (onStop) => {
    onStop('The first', async () => { throw new Error('The first is stuck') })
    onStop('The second', async () => console.error('The second has stopped'))
    onStop('The third', () => { throw new Error('The third is stuck') })
    if (process.env.STARTS !== 'yes') throw new Error('The start has failed')
    console.log(JSON.stringify({ port: 1 }))
  })`
const run = ['--input-type=module', '--eval', threeParts]

test('every part is stopped, whatever becomes of the others, and the exit code tells', async () => {
  const server = await ServerProcess.start(run, { STARTS: 'yes' })
  onTestFinished(() => server.kill())
  expect(await server.stop()).toBe(1)
  const places = ['The third is stuck', 'The second has stopped', 'The first is stuck'].map((line) =>
    server.output.indexOf(line),
  )
  // the last started first
  expect(places).toEqual(places.toSorted((a, b) => a - b))
  expect(places[0]).toBeGreaterThan(-1)
})

test('a start that fails says so, and stops what it had started', async () => {
  const server = ServerProcess.spawn(run, { STARTS: 'no' })
  onTestFinished(() => server.kill())
  expect(await server.ended()).toBe(1)
  expect(server.output).toContain('The start has failed')
  expect(server.output).toContain('The second has stopped')
  expect(server.output).toContain('The first is stuck')
})

import { afterEach, expect, test } from 'vitest'
import { type StandIn, serveStandIn } from '#connectors/sdk/stand-in.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function serve(standIn: StandIn) {
  const { origin, close } = await serveStandIn(standIn)
  closing.push(close)
  return origin
}

test('a stand-in gets the request as it was sent, and its answer arrives whole', async () => {
  const origin = await serve(async (request) => {
    const { pathname, search } = new URL(request.url)
    const said = `${request.method} ${pathname}${search} ${request.headers.get('x-key')} ${await request.text()}`
    return new Response(said, { status: 201, headers: { 'x-answer': 'yes' } })
  })
  const answer = await fetch(`${origin}/a?b=%2B`, { method: 'PUT', headers: { 'x-key': '1' }, body: 'é' })
  expect(answer.status).toBe(201)
  expect(answer.headers.get('x-answer')).toBe('yes')
  expect(await answer.text()).toBe('PUT /a?b=%2B 1 é')
})

test('a stand-in may break the line instead of answering', async () => {
  const origin = await serve(async () => Response.error())
  await expect(fetch(origin)).rejects.toThrow('fetch failed')
})

test('a stand-in that throws says so', async () => {
  const origin = await serve(async () => {
    throw new Error('no such thing')
  })
  const answer = await fetch(origin)
  expect(answer.status).toBe(500)
  expect(await answer.text()).toContain('no such thing')
})

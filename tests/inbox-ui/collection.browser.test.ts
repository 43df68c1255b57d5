import { expect, test } from 'vitest'
import { Api } from '../../inbox-ui/app/api.ts'
import { Collection } from '../../inbox-ui/settings/collection.svelte.ts'

interface Lamp {
  id: string
  name: string
}

/** Foyer with a list of lamps; down when somebody says so. */
function aServer() {
  const lamps: Lamp[] = [{ id: '1', name: 'Arc' }]
  const server = { lamps, isDown: false, asked: [] as string[] }
  const api = new Api({
    words: { noConnection: 'no answer', notUnderstood: '' },
    fetch: async (address, init) => {
      if (server.isDown) throw new TypeError('Failed to fetch')
      const path = new URL(String(address), 'http://model.test').pathname
      server.asked.push(`${init?.method} ${path}`)
      if (init?.method === 'GET') return Response.json({ lamps })
      const body = JSON.parse(String(init?.body)) as { name: string }
      if (body.name === '')
        return Response.json({ status: 400, code: 'invalid', detail: 'A name is needed.' }, { status: 400 })
      return Response.json({ id: path.split('/')[4] ?? '2', ...body })
    },
  })
  const collection = new Collection<Lamp, { name: string }, { name: string }>(api, {
    path: '/lamps',
    name: 'lamps',
    change: 'PUT',
  })
  return { server, collection }
}

test('what was added and changed stands in the list without reading it again', async () => {
  const { server, collection } = aServer()
  expect(collection.list).toBeNull()
  await collection.load()
  expect(await collection.add({ name: 'Ember' })).toEqual({ id: '2', name: 'Ember' })
  await collection.change('1', { name: 'Halo' })
  expect(collection.list).toEqual([
    { id: '1', name: 'Halo' },
    { id: '2', name: 'Ember' },
  ])
  expect(server.asked).toEqual(['GET /api/v1/lamps', 'POST /api/v1/lamps', 'PUT /api/v1/lamps/1'])
})

test('what Foyer refuses is thrown, and the list stays', async () => {
  const { collection } = aServer()
  await collection.load()
  await expect(collection.change('1', { name: '' })).rejects.toThrow('A name is needed.')
  expect(collection.list).toEqual([{ id: '1', name: 'Arc' }])
})

test('a list that does not come says why, until it comes', async () => {
  const { server, collection } = aServer()
  server.isDown = true
  await collection.load()
  expect([collection.list, collection.error]).toEqual([null, 'no answer'])
  server.isDown = false
  await collection.load()
  expect([collection.list?.length, collection.error]).toEqual([1, ''])
})

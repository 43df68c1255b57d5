import { describe, expect, test } from 'vitest'
import type { Activity, Person } from '../../core/contracts/visitors.ts'
import { Api } from '../../inbox-ui/app/api.ts'
import { ConversationPages } from '../../inbox-ui/conversations/conversation-pages.svelte.ts'
import { Conversations } from '../../inbox-ui/conversations/conversations.svelte.ts'
import { People } from '../../inbox-ui/people/people.svelte.ts'
import { History } from '../../inbox-ui/visitors/visitor-panel.svelte.ts'
import { aConversation } from './samples.ts'

/** Foyer with lists of so many pages, one row each; down when somebody says so. */
class PagedServer {
  down = false
  readonly #pages: number
  constructor(pages: number) {
    this.#pages = pages
  }

  readonly api = new Api({
    words: { noConnection: 'no answer', notUnderstood: '' },
    fetch: async (address) => {
      if (this.down) throw new TypeError('Failed to fetch')
      const page = Number(new URL(String(address), 'http://model.test').searchParams.get('cursor') ?? 1)
      const id = `row-${page}`
      return Response.json({
        conversations: [aConversation(id, { status: 'ended' })],
        people: [{ id } as Person],
        total: this.#pages,
        activities: [{ id } as Activity],
        nextCursor: page < this.#pages ? String(page + 1) : null,
      })
    },
  })
}

const lists = {
  conversations: ({ api }: PagedServer) => {
    const pages = new ConversationPages(api, new Conversations('me'))
    const wanted = { view: 'all', query: '', agentId: null, outcome: null, from: null, to: null } as const
    return { list: pages, load: () => pages.show(wanted), rows: () => pages.rows.length }
  },
  people: ({ api }: PagedServer) => {
    const people = new People(api, '')
    return { list: people, load: people.load, rows: () => people.list.length }
  },
  'what happened': ({ api }: PagedServer) => {
    const history = new History(api, 'v')
    return { list: history, load: history.load, rows: () => history.activities.length }
  },
}

describe.each(Object.entries(lists))('a list of %s', (_name, open) => {
  test('reads the page that did not come when asked to try again', async () => {
    const server = new PagedServer(2)
    const { list, load, rows } = open(server)
    await load()
    server.down = true
    await list.more()
    expect([list.status, rows()]).toEqual(['failed', 1])
    server.down = false
    await list.retry()
    expect([list.status, rows(), list.hasMore]).toEqual(['ready', 2, false])
  })

  test('reads its beginning again where that did not come, though rows are there', async () => {
    const server = new PagedServer(1)
    const { list, load, rows } = open(server)
    await load()
    server.down = true
    await load()
    expect([list.status, rows()]).toEqual(['failed', 1])
    server.down = false
    await list.retry()
    expect([list.status, rows()]).toEqual(['ready', 1])
  })
})

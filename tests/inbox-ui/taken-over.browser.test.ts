import { expect, onTestFinished, test } from 'vitest'
import { page } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import InboxPage from '../../inbox-ui/conversations/InboxPage.svelte'
import { anInbox } from './an-inbox.ts'
import { ModelServer } from './model-server.ts'
import Stage from './Stage.svelte'

test('a chat that a colleague had taken over is read where it was, once it has ended and is chosen in All', async () => {
  await page.viewport(1_440, 900)
  const server = new ModelServer()
  const { fetch } = server
  const listing: typeof globalThis.fetch = async (input, init) => {
    const { pathname } = new URL(String(input), 'http://model.test')
    if (pathname.includes('/visitors/')) return Response.json({ code: 'not_found' }, { status: 404 })
    if (!pathname.endsWith('/conversations')) return fetch(input, init)
    const conversations = [...server.conversations.values()].filter(({ status }) => status === 'ended')
    return Response.json({ conversations, nextCursor: null })
  }
  Object.assign(server, { fetch: listing })
  const { app, inbox, connect, settle, stop } = anInbox(server)
  const stopRouter = app.router.start()
  const began = location.href
  onTestFinished(() => {
    stopRouter()
    stop()
    history.replaceState(null, '', began)
  })
  await connect()
  server.offered()
  server.accepted(0)
  await settle()
  const [id = ''] = server.openChats()
  app.router.go(`/inbox/c/${id}`)
  render(Stage, { app, inbox, part: InboxPage })
  await settle()
  inbox.apply({ type: 'conversation_left', conversationId: id, to: 'Marco' })
  const taken = page.getByRole('heading', { name: /^Marco has taken over/ })
  await expect.element(taken).toBeVisible()

  // nobody is told of chats that are not theirs: what comes of it comes with the list
  for (const socket of server.sockets) server.sockets.delete(socket)
  server.says(id, { type: 'visitor', id: 'v' }, 'That was all, thank you.', null)
  server.ended(id)
  inbox.list.show('all')
  await page.getByRole('list', { name: 'Conversations' }).getByRole('link').click()
  await expect.element(page.getByRole('log').getByText('That was all, thank you.')).toBeVisible()
  await expect.element(taken).not.toBeInTheDocument()
})

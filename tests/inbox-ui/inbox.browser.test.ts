import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import type { Inbox } from '../../inbox-ui/app/inbox.svelte.ts'
import { anInbox } from './an-inbox.ts'
import { ModelServer } from './model-server.ts'

/** What an agent sees of it. */
function seen({ inbox }: { inbox: Inbox }, logs: string[]) {
  return {
    active: inbox.conversations.active,
    unread: inbox.conversations.unread,
    offers: inbox.offers.pending,
    missed: inbox.missed,
    availability: inbox.availability.value,
    logs: logs.map((id) => [id, inbox.log(id)?.entries.map(({ seq, text }) => `${seq} ${text}`)]),
    notes: logs.map((id) => [id, inbox.log(id)?.notes.map(({ clientId, text }) => `${clientId} ${text}`)]),
    // what was refused, because its chat had ended, stays until a person has seen it
    waiting: inbox.outbox.items.filter(({ state }) => state !== 'failed').length,
  }
}

const visitor = { type: 'visitor' as const, id: 'v' }

const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('says' as const), chat: fc.nat(9) }) },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constantFrom('offered', 'accepted', 'sends', 'notes'), chat: fc.nat(9) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constantFrom(
        'declined',
        'expired',
        'withdrawn',
        'read',
        'presence',
        'ended',
        'missed',
        'switched',
      ),
      chat: fc.nat(9),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constantFrom('saw', 'breaks', 'lost', 'flows'), chat: fc.nat(9) }),
  },
)

/** An agent's inbox lives through anything; then it must show what one shows that is opened only now. Without breaks
 *  every frame arrives; with them, what is in flight is lost and the line taken up again. */
async function livesThrough(steps: { what: string; chat: number }[]): Promise<void> {
  const server = new ModelServer()
  const stale = anInbox(server)
  await stale.connect()
  let count = 0
  for (const { what, chat } of steps) {
    const chats = server.openChats()
    const id = chats[chat % chats.length]
    if (what === 'offered') server.offered()
    else if (what === 'accepted') server.accepted(chat)
    else if (what === 'declined' || what === 'expired' || what === 'withdrawn') server.closes(chat, what)
    else if (what === 'missed') server.missesOne()
    else if (what === 'switched') server.switches()
    else if (what === 'flows') await stale.settle()
    else if (what === 'breaks') {
      stale.socket.breaks()
      await stale.connect()
    } else if (what === 'lost') stale.socket.flow((frame) => frame.type === 'entry')
    else if (!id) continue
    else if (what === 'says') server.says(id, visitor, `visitor ${++count}`, null)
    else if (what === 'read') server.readByVisitor(id)
    else if (what === 'presence') server.comesAndGoes(id)
    else if (what === 'ended') server.ended(id)
    else if (what === 'sends' || what === 'notes') {
      stale.inbox.open(id)
      stale.inbox.outbox.add(id, what === 'sends' ? 'message' : 'note', `agent ${++count}`)
    } else if (what === 'saw') stale.inbox.sawAll(id)
  }
  await stale.settle()
  // what was lost on a line that stayed up shows with the next line of the same chat
  for (const id of server.openChats()) server.says(id, visitor, `the last of ${id}`, null)
  await stale.settle()

  const fresh = anInbox(server)
  await fresh.connect()
  const open = server.openChats().filter((id) => stale.inbox.log(id))
  for (const id of open) fresh.inbox.open(id)
  await fresh.settle()
  try {
    expect(seen(stale, open)).toEqual(seen(fresh, open))
    for (const id of open)
      expect(stale.inbox.log(id)?.entries.map(({ text }) => text)).toEqual(
        server.entries.get(id)?.map(({ text }) => text),
      )
  } finally {
    stale.stop()
    fresh.stop()
  }
}

test('an inbox that has lived through anything shows what a fresh one shows', async () => {
  await fc.assert(fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 40 }), livesThrough), {
    numRuns: 60,
    endOnFailure: true,
  })
}, 60_000)

test('what is sent while the line is down is stored once when it is back', async () => {
  const server = new ModelServer()
  const opened = anInbox(server)
  const { inbox, connect, settle } = opened
  await connect()
  server.offered()
  server.accepted(0)
  await settle()
  const id = inbox.conversations.active[0]?.id ?? ''
  inbox.open(id)
  await settle()
  opened.socket.breaks()
  inbox.outbox.add(id, 'message', 'said in the dark')
  expect(inbox.outbox.of(id)).toMatchObject([{ state: 'waiting' }])
  await connect()
  opened.socket.breaks()
  await connect()
  await settle()
  expect(server.entries.get(id)?.map(({ text }) => text)).toEqual(['said in the dark'])
  expect(inbox.log(id)?.entries.map(({ text }) => text)).toEqual(['said in the dark'])
  expect(inbox.outbox.items).toEqual([])
  opened.stop()
})

test('that a chat is a colleague’s now may be told twice, and takes no chat from who watches it', async () => {
  const server = new ModelServer()
  const opened = anInbox(server)
  const { app, inbox, connect, settle } = opened
  const address = location.href
  onTestFinished(() => history.replaceState(null, '', address))
  const open = (id: string) => {
    app.router.go(`/inbox/c/${id}`, { replace: true })
    inbox.open(id)
  }
  await connect()
  server.offered()
  server.accepted(0)
  await settle()
  const [own] = inbox.conversations.active
  if (!own) throw new Error('There is no chat')
  open(own.id)
  const left = { type: 'conversation_left', conversationId: own.id } as const
  inbox.apply({ ...left, to: null })
  inbox.apply({ ...left, to: 'Marco' })
  expect(inbox.conversations.active).toEqual([])
  expect(inbox.left).toEqual({ conversationId: own.id, to: 'Marco', who: own.visitor.name })
  // a supervisor has opened it again
  open('another')
  open(own.id)
  inbox.put({ ...own, agent: { id: 'marco', name: 'Marco' } })
  inbox.apply({ ...left, to: 'Marco' })
  expect(inbox.left).toBeNull()
  expect(inbox.conversations.get(own.id)?.agent?.name).toBe('Marco')
  opened.stop()
})

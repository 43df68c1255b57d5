import assert from 'node:assert/strict'
import type { LoggedConversation, LoggedMeeting, NewPerson } from '../crm.ts'
import { ConnectorError, DuplicateError, ProviderRejectedError, ProviderUnavailableError } from '../errors.ts'
import type { Rule } from './index.ts'
import { assertSame } from './reading.ts'
import type { Session } from './session.ts'

export const writingTests: Rule[] = [
  {
    name: 'a person is created once, whatever runs twice',
    run: async (session) => {
      const person = someone(session)
      const created = await session.actions.createPerson(session.crm(), person)
      assertSame(await session.actions.readPerson(session.crm(), created), created)
      assert.equal(created.emails[0], person.values.email)
      const again = await session.outcome(session.actions.createPerson(session.crm(), person))
      assert.deepEqual(existing(again), [created.id])
      assert.equal(await session.vendor.countByEmail(person.values.email ?? ''), 1)
    },
  },
  {
    name: 'a person whose creation was never answered is not created twice',
    run: async (session) => {
      const person = someone(session)
      session.vendor.fail('write', 'lost_answer')
      const error = await session.refusal(session.actions.createPerson(session.crm(), person))
      assert(
        error instanceof ProviderUnavailableError && error.outcome === 'unknown',
        'the outcome is unknown',
      )
      const again = await session.outcome(session.actions.createPerson(session.crm(), person))
      const [id] = existing(again)
      assert.equal(await session.vendor.countByEmail(person.values.email ?? ''), 1)
      const found = await session.actions.readPerson(session.crm(), { type: person.type, id: id ?? '' })
      assert.equal(found.emails[0], person.values.email)
    },
  },
  {
    name: 'somebody who is there already is not created again, and it is said who',
    run: async (session) => {
      const person = someone(session)
      const there = { type: person.type, email: person.values.email ?? '', name: 'Already There' }
      const ref = await session.vendor.addPerson(there)
      const error = await session.refusal(session.actions.createPerson(session.crm(), person))
      assert(error instanceof DuplicateError)
      assert(error.existingIds.includes(ref.id))
      assert.equal(await session.vendor.countByEmail(there.email), 1)
    },
  },
  {
    name: 'a correction overwrites what it names and nothing else; what fills only fills',
    run: async (session) => {
      const { vendor, actions } = session
      const ref = await vendor.addPerson({ email: 'fix@northwind.test', name: 'Fix Me', jobTitle: 'CFO' })
      await actions.updatePerson(session.crm(), ref, {
        key: 'k1',
        values: {},
        onlyEmpty: { jobTitle: 'Not this one', phone: '+39 02 5550 0142' },
      })
      assert.equal(await vendor.valueOf(ref, 'jobTitle'), 'CFO')
      assert.equal(await vendor.valueOf(ref, 'phone'), '+39 02 5550 0142')
      const changed = await actions.updatePerson(session.crm(), ref, {
        key: 'k2',
        values: { jobTitle: 'CEO' },
        onlyEmpty: {},
      })
      assert.equal(changed.fields.jobTitle, 'CEO')
      assert.equal(await vendor.valueOf(ref, 'jobTitle'), 'CEO')
      assert.equal(await vendor.valueOf(ref, 'phone'), '+39 02 5550 0142')
      assert.equal(await vendor.valueOf(ref, 'email'), 'fix@northwind.test')
    },
  },
  {
    name: 'a chat logged twice is one entry, with the newest text',
    run: async (session) => {
      const { vendor, actions } = session
      const ref = await vendor.addPerson({ email: 'chat@northwind.test', name: 'Chatty Person' })
      const first = await actions.logConversation(session.crm(), ref, chat(session))
      const known = { ...chat(session, { transcript: 'Ada: Corrected.' }), knownId: first.id }
      const again = await actions.logConversation(session.crm(), ref, known)
      assert.equal(again.id, first.id)
      const unknown = { ...chat(session, { transcript: 'Ada: Corrected again.' }), mayExist: true }
      assert.equal((await actions.logConversation(session.crm(), ref, unknown)).id, first.id)
      const logged = await vendor.logged(ref)
      assert.equal(logged.length, 1)
      assert.match(logged[0] ?? '', /Corrected again/)
    },
  },
  {
    name: 'a chat whose logging was never answered is one entry',
    run: async (session) => {
      const { vendor, actions } = session
      const ref = await vendor.addPerson({ email: 'lost@northwind.test', name: 'Lost Answer' })
      vendor.fail('write', 'lost_answer')
      const error = await session.refusal(actions.logConversation(session.crm(), ref, chat(session)))
      assert(
        error instanceof ProviderUnavailableError && error.outcome === 'unknown',
        'the outcome is unknown',
      )
      await actions.logConversation(session.crm(), ref, { ...chat(session), mayExist: true })
      assert.equal((await vendor.logged(ref)).length, 1)
      const another = { ...chat(session), key: 'foyer-chat-another' }
      await actions.logConversation(session.crm(), ref, another)
      assert.equal((await vendor.logged(ref)).length, 2)
    },
  },
  {
    name: 'a very long chat is logged, cut to what the vendor takes, and inert',
    run: async (session) => {
      const { vendor, actions } = session
      const ref = await vendor.addPerson({ email: 'long@northwind.test', name: 'Long Chat' })
      const transcript = `<img src=x onerror=alert(1)> & "quotes" \\ ' 😀\n`.repeat(8_000)
      const long = chat(session, { transcript, subject: 'S'.repeat(2_000) })
      await actions.logConversation(session.crm(), ref, long)
      assert.equal((await vendor.logged(ref)).length, 1)
    },
  },
  {
    name: 'a meeting is logged once, moved and cancelled',
    run: async (session) => {
      const { vendor, actions } = session
      const ref = await vendor.addPerson({ email: 'meet@northwind.test', name: 'Meets Us' })
      const first = await actions.logMeeting(session.crm(), ref, meeting(session))
      const start = new Date(session.vendor.now().getTime() + 2 * 86_400_000)
      const moved = {
        ...meeting(session),
        start,
        end: new Date(start.getTime() + 1_800_000),
        knownId: first.id,
      }
      assert.equal((await actions.logMeeting(session.crm(), ref, moved)).id, first.id)
      await actions.logMeeting(session.crm(), ref, {
        ...moved,
        knownId: null,
        mayExist: true,
        state: 'cancelled',
      })
      assert.equal((await vendor.logged(ref)).length, 1)
    },
  },
  {
    name: 'a value that is too long is refused with the reason, or cut; nothing else is harmed',
    run: async (session) => {
      const { vendor, actions } = session
      const ref = await vendor.addPerson({
        email: 'wide@northwind.test',
        name: 'Wide Value',
        jobTitle: 'CFO',
      })
      const change = { key: 'k', values: { jobTitle: 'X'.repeat(100_000) }, onlyEmpty: {} }
      const done = await session.outcome(actions.updatePerson(session.crm(), ref, change))
      if (done instanceof ConnectorError) {
        assert(done instanceof ProviderRejectedError, `refused as ${done.code}`)
        assert.equal(await vendor.valueOf(ref, 'jobTitle'), 'CFO')
      } else assert.match((await vendor.valueOf(ref, 'jobTitle')) ?? '', /^X+/)
      assert.equal(await vendor.valueOf(ref, 'name'), 'Wide Value')
    },
  },
  {
    name: 'the preview says what would be written, and writes nothing',
    run: async (session) => {
      const { actions, vendor } = session
      const before = vendor.calls()
      const ref = { type: someone(session).type, id: '' }
      for (const write of [
        { type: 'createPerson', person: someone(session) },
        { type: 'updatePerson', ref, change: { key: 'k', values: { phone: '+1 555 0100' }, onlyEmpty: {} } },
        { type: 'logConversation', conversation: chat(session) },
        { type: 'logMeeting', meeting: meeting(session) },
      ] as const) {
        const { record, values } = actions.previewOf(write, actions.mapping, session.crm().description)
        assert(record !== '' && values.length > 0, `${write.type} says nothing`)
        for (const { field, value } of values) assert(typeof field === 'string' && typeof value === 'string')
      }
      assert.equal(vendor.calls(), before)
    },
  },
]

const someone = ({ actions }: Session): NewPerson => ({
  key: 'foyer-person-conformance',
  type: actions.personTypes[0]?.type ?? '',
  values: {
    name: 'Ada Example',
    jobTitle: 'Head of Examples',
    email: 'ada@example.test',
    phone: '+44 20 7946 0000',
    company: 'Example Ltd',
  },
  fixed: {},
  ownerId: null,
})

/** The ids that a creation that ran again ended with. */
function existing(outcome: { id: string } | ConnectorError): string[] {
  if (!(outcome instanceof ConnectorError)) return [outcome.id]
  assert(outcome instanceof DuplicateError, `refused as ${outcome.code}`)
  return outcome.existingIds
}

const chat = ({ vendor }: Session, more: Partial<LoggedConversation> = {}): LoggedConversation => ({
  key: 'foyer-chat-conformance',
  knownId: null,
  mayExist: false,
  subject: 'Chat on Example',
  startedAt: new Date(vendor.now().getTime() - 600_000),
  endedAt: vendor.now(),
  transcript: 'Ada: Do you deliver to London?\nDana: We do.\n',
  outcome: 'Qualified',
  agentName: 'Dana',
  ownerId: null,
  link: 'https://foyer.example.com/inbox/c/1',
  ...more,
})

const meeting = ({ vendor }: Session): LoggedMeeting => ({
  key: 'foyer-meeting-conformance',
  knownId: null,
  mayExist: false,
  title: 'Demo',
  start: new Date(vendor.now().getTime() + 86_400_000),
  end: new Date(vendor.now().getTime() + 86_400_000 + 1_800_000),
  body: 'Booked in a chat.',
  location: null,
  state: 'booked',
  ownerId: null,
})

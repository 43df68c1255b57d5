import assert from 'node:assert/strict'
import type { CrmActivity, CrmPerson, PersonRef } from '../crm.ts'
import { ConnectorError, RecordGoneError } from '../errors.ts'
import { items, pages } from '../paging.ts'
import type { Rule } from './index.ts'

/** Addresses that somebody types into a chat to find others than themselves. */
const hostile = [
  `x' OR Email LIKE '%`,
  `x\\' OR Email LIKE '%@northwind.test`,
  `%@northwind.test`,
  `sofia_ricci@northwind.test`,
  `*@northwind.test`,
  `sofia.ricci@northwind.test" OR "1"="1`,
  `sofia.ricci@northwind.test\\`,
  `sofia.ricci@northwind.test&email=x`,
  `sofia.ricci@northwind.test#`,
  `../people`,
  `søfia.ricci@northwind.test`,
  `😀@northwind.test`,
  `${'a'.repeat(240)}@northwind.test`,
]

export const readingTests: Rule[] = [
  {
    name: 'a person is found by address, however it is written, with what the mapping names',
    run: async (session) => {
      const ref = await session.vendor.addPerson({
        email: 'Sofia.Ricci@northwind.test',
        name: 'Sofia Ricci',
        jobTitle: 'Head of Purchasing',
        phone: '+39 02 5550 0142',
      })
      for (const email of ['sofia.ricci@northwind.test', 'SOFIA.RICCI@NORTHWIND.TEST']) {
        const found = await session.actions.findPerson(session.crm(), email)
        assertSame(found, ref)
        assert.equal(found?.fields.name, 'Sofia Ricci')
        assert.equal(found?.fields.jobTitle, 'Head of Purchasing')
        assert.equal(found?.fields.phone, '+39 02 5550 0142')
        assert.equal(found?.emails[0], 'sofia.ricci@northwind.test')
        assert(URL.canParse(found?.url ?? ''), 'url must be an address to open')
        assert(found && !Number.isNaN(found.changedAt.getTime()))
      }
      assert.equal(await session.actions.findPerson(session.crm(), 'nobody@northwind.test'), null)
    },
  },
  {
    name: 'unusual addresses are found as they are',
    run: async (session) => {
      for (const email of [`o'brien@northwind.test`, 'ada+sales@northwind.test', 'a_b%c@northwind.test']) {
        const ref = await session.vendor.addPerson({ email, name: 'Unusual Address' })
        assertSame(await session.actions.findPerson(session.crm(), email), ref)
      }
    },
  },
  {
    name: 'no address finds anybody else',
    run: async (session) => {
      await session.vendor.addPerson({ email: 'sofia.ricci@northwind.test', name: 'Sofia Ricci' })
      for (const email of hostile) {
        const found = await session.outcome(session.actions.findPerson(session.crm(), email))
        // to refuse what is no address is as good as to find nobody
        if (!(found instanceof ConnectorError)) assert.equal(found, null, `${email} found somebody`)
      }
    },
  },
  {
    name: 'everybody is read, each once, and from any page on',
    run: async (session) => {
      const wanted = new Set<string>()
      for (let count = 0; count < 230; count++) {
        const { id } = await session.vendor.addPerson({
          email: `p${count}@northwind.test`,
          name: `Person ${count}`,
        })
        wanted.add(id)
      }
      const read = (cursor: string | null) => session.actions.allPeople(session.crm(), cursor)
      const all = await Array.fromAsync(pages(read))
      const ids = all.flatMap((page) => page.items.map(({ id }) => id))
      assert.equal(ids.length, new Set(ids).size, 'somebody came twice')
      assert.deepEqual(new Set(ids), wanted)
      const [first] = all
      if (!first?.cursor) return
      const rest = (await Array.fromAsync(items((cursor) => read(cursor ?? first.cursor)))).map(
        ({ id }) => id,
      )
      assert.deepEqual(new Set(rest), new Set(ids.slice(first.items.length)))
    },
  },
  {
    name: 'a record that is gone is told as gone',
    run: async (session) => {
      const ref = await session.vendor.addPerson({ email: 'gone@northwind.test', name: 'Gone Soon' })
      await session.vendor.deletePerson(ref)
      assert(
        (await session.refusal(session.actions.readPerson(session.crm(), ref))) instanceof RecordGoneError,
      )
      assert.equal(await session.actions.findPerson(session.crm(), 'gone@northwind.test'), null)
    },
  },
  {
    name: 'a record merged into another gives that one',
    needs: 'mergePeople',
    run: async (session) => {
      const loser = await session.vendor.addPerson({ email: 'old@northwind.test', name: 'Old Record' })
      const winner = await session.vendor.addPerson({ email: 'new@northwind.test', name: 'New Record' })
      await session.vendor.mergePeople?.(loser, winner)
      assertSame(await session.actions.readPerson(session.crm(), loser), winner)
    },
  },
  {
    name: 'activities between two instants, those instants included, each once',
    run: async (session) => {
      const { vendor, actions } = session
      const ref = await vendor.addPerson({ email: 'busy@northwind.test', name: 'Busy Person' })
      const to = new Date(Math.floor(vendor.now().getTime() / 60_000) * 60_000)
      const from = new Date(to.getTime() - 90 * 86_400_000)
      const exact = new Set<string>()
      const places = { before: from.getTime() - 60_000, first: from.getTime(), last: to.getTime() }
      for (const kind of actions.activityKinds)
        for (const [place, at] of Object.entries(places))
          if (await vendor.addActivity(ref, { kind, at: new Date(at), title: `${kind} ${place}` }))
            exact.add(kind)
      assert(exact.size > 0, 'the stand-in holds no kind of activity at an exact instant')
      const read = async () => {
        const next = (cursor: string | null) => actions.activities(session.crm(), ref, { from, to }, cursor)
        return Array.fromAsync(items<CrmActivity>(next))
      }
      const found = await read()
      assert.equal(found.length, new Set(found.map(({ id }) => id)).size, 'an activity came twice')
      for (const kind of exact) {
        // a note has a text, and not everywhere a title
        const titles = found.filter((one) => one.kind === kind).map(({ title, detail }) => title ?? detail)
        assert.deepEqual(titles.toSorted(), [`${kind} first`, `${kind} last`])
      }
      for (const { at, detail } of found) {
        assert(at >= from && at <= to, `${at.toISOString()} is outside`)
        assert((detail ?? '').length <= 2_000)
      }
    },
  },
  {
    name: 'owners come by pages, each once',
    run: async (session) => {
      const owners = await Array.fromAsync(items((cursor) => session.actions.owners(session.crm(), cursor)))
      assert.equal(owners.length, new Set(owners.map(({ id }) => id)).size)
      for (const { email } of owners) assert.equal(email, email?.toLowerCase() ?? null)
    },
  },
  {
    name: 'a field that is hidden from us is missing, not empty, and breaks nothing',
    needs: 'hideField',
    run: async (session) => {
      const { vendor, actions } = session
      const person = {
        email: 'hidden@northwind.test',
        name: 'Partly Hidden',
        phone: '+39 02 5550 0142',
        jobTitle: 'CFO',
      }
      const ref = await vendor.addPerson(person)
      await vendor.hideField?.(ref.type, 'phone')
      session.description = await actions.describe(session.crm())
      const name = actions.mapping[ref.type]?.phone
      assert(!session.description.types[ref.type]?.fields.some((field) => field.name === name))
      const found = await actions.findPerson(session.crm(), person.email)
      assertSame(found, ref)
      assert.equal(found?.fields.jobTitle, 'CFO')
      assert(
        !('phone' in (found?.fields ?? {})) || found?.fields.phone === undefined,
        'phone is said to be known',
      )
      const change = { key: 'k', values: { jobTitle: 'CEO' }, onlyEmpty: { phone: '+1 555 0100' } }
      await session.outcome(actions.updatePerson(session.crm(), ref, change))
      assert.equal(await vendor.valueOf(ref, 'phone'), person.phone)
    },
  },
]

export function assertSame(found: CrmPerson | null, ref: PersonRef): void {
  assert.deepEqual(found && { type: found.type, id: found.id }, { type: ref.type, id: ref.id })
}

import assert from 'node:assert/strict'
import type { CrmActivity, CrmChange, KnownHistory } from '../crm.ts'
import { items } from '../paging.ts'
import type { Rule } from './index.ts'
import type { Session } from './session.ts'

/** Vendors' commits become visible late by no more than this. */
const lateMs = 60_000

export const feedTests: Rule[] = [
  {
    name: 'the feed begins now, and tells every change after that',
    run: async (session) => {
      const { vendor } = session
      const ref = await vendor.addPerson({ email: 'feed@northwind.test', name: 'Feed Person' })
      vendor.advance(3_600_000)
      let cursor = (await look(session, null)).cursor
      assert.equal(typeof cursor, 'string')
      vendor.advance(10_000)
      await vendor.changePerson(ref, { jobTitle: 'CFO' })
      vendor.advance(10_000)
      const first = await look(session, cursor)
      assert.equal(lastOf(first.changes, ref.id)?.fields.jobTitle, 'CFO')
      cursor = first.cursor
      const added = await vendor.addPerson({ email: 'new@northwind.test', name: 'New Person' })
      vendor.advance(10_000)
      const second = await look(session, cursor)
      assert(lastOf(second.changes, added.id), 'a new person was missed')
    },
  },
  {
    name: 'a change that becomes visible late is not missed',
    run: async (session) => {
      const { vendor } = session
      const ref = await vendor.addPerson({ email: 'late@northwind.test', name: 'Late Person' })
      const other = await vendor.addPerson({ email: 'other@northwind.test', name: 'Other Person' })
      vendor.advance(3_600_000)
      let { cursor } = await look(session, null)
      vendor.advance(lateMs * 2)
      await vendor.changePerson(other, { jobTitle: 'Seen first' })
      cursor = (await look(session, cursor)).cursor
      vendor.advance(5_000)
      await vendor.changePerson(ref, { jobTitle: 'Committed late' }, lateMs)
      const { changes } = await look(session, cursor)
      assert.equal(lastOf(changes, ref.id)?.fields.jobTitle, 'Committed late')
    },
  },
  {
    name: 'who was deleted is told as gone, within the hour',
    run: async (session) => {
      const { vendor } = session
      const ref = await vendor.addPerson({ email: 'gone@northwind.test', name: 'Gone Soon' })
      vendor.advance(3_600_000)
      const { cursor } = await look(session, null)
      vendor.advance(10_000)
      await vendor.deletePerson(ref)
      vendor.advance(3_600_000)
      const { changes } = await look(session, cursor)
      assert(changes.some((change) => change.type === 'gone' && change.ref.id === ref.id))
    },
  },
  {
    name: 'a history that lost something is told, where the feed does not tell it',
    needs: 'deleteActivity',
    run: async (session) => {
      const { vendor, actions } = session
      assert(actions.staleHistories, 'staleHistories is missing')
      const histories: { known: KnownHistory; activities: CrmActivity[] }[] = []
      for (const email of ['stays@northwind.test', 'loses@northwind.test']) {
        const ref = await vendor.addPerson({ email, name: 'Has History' })
        for (const kind of actions.activityKinds)
          await vendor.addActivity(ref, { kind, at: vendor.now(), title: kind })
        vendor.advance(60_000)
        const between = { from: new Date(vendor.now().getTime() - 86_400_000), to: vendor.now() }
        const read = (cursor: string | null) => actions.activities(session.crm(), ref, between, cursor)
        const activities = await Array.fromAsync(items<CrmActivity>(read))
        const activityIds = activities.map(({ id }) => id)
        histories.push({ known: { ref, readAt: between.to, since: between.from, activityIds }, activities })
      }
      const ask = async () => {
        const known = histories.map((one) => one.known)
        return (await actions.staleHistories?.(session.crm(), known))?.map(({ id }) => id)
      }
      assert.deepEqual(await ask(), [])
      const [, loses] = histories
      const [deleted] = loses?.activities ?? []
      assert(loses && deleted, 'the stand-in holds no activity')
      vendor.advance(1_000)
      await vendor.deleteActivity?.(deleted)
      assert.deepEqual(await ask(), [loses.known.ref.id])
    },
  },
  {
    name: 'many changes come by pages to an end, and looking again repeats no more than the overlap',
    run: async (session) => {
      const { vendor } = session
      vendor.advance(3_600_000)
      const begun = await look(session, null)
      vendor.advance(10_000)
      const wanted = new Set<string>()
      for (let count = 0; count < 230; count++)
        wanted.add(
          (await vendor.addPerson({ email: `f${count}@northwind.test`, name: `Person ${count}` })).id,
        )
      vendor.advance(10_000)
      const { changes, cursor } = await look(session, begun.cursor)
      const told = new Set(changes.flatMap((change) => (change.type === 'changed' ? [change.person.id] : [])))
      for (const id of wanted) assert(told.has(id), 'somebody was missed')
      vendor.advance(3_600_000)
      const later = await look(session, cursor)
      // the overlap of the look before may come once more; after that there is silence
      vendor.advance(3_600_000)
      assert.deepEqual((await look(session, later.cursor)).changes, [])
    },
  },
]

/** To the end of what there is now. */
async function look(
  session: Session,
  from: string | null,
): Promise<{ changes: CrmChange[]; cursor: string }> {
  const changes: CrmChange[] = []
  let cursor = from
  for (let looks = 0; looks < 200; looks++) {
    const page = await session.actions.changes(session.crm(), cursor)
    changes.push(...page.changes)
    cursor = page.cursor
    if (page.done) return { changes, cursor }
  }
  return assert.fail('The feed never says that it is done.')
}

function lastOf(changes: CrmChange[], id: string) {
  const found = changes.findLast((change) => change.type === 'changed' && change.person.id === id)
  return found?.type === 'changed' ? found.person : null
}

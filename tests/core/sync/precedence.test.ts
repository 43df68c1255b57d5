import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { storePeople } from '#core/features/mirror/store.ts'
import { describeVisitors } from '#core/features/visitors/repository.ts'
import { aVisitor } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'

/** Who the panel says a visitor is, beside the rule written out a second time, field by field. */

const fields = ['name', 'jobTitle', 'phone', 'company'] as const
type Field = (typeof fields)[number]
const columns = { name: 'name', jobTitle: 'job_title', phone: 'phone', company: 'company' } as const
const connectors = ['acme', 'beta', 'gamma'] as const

const text = fc.option(fc.constantFrom('', ' ', 'one', 'two', 'three'), { nil: null })
const texts = fc.record({ name: text, jobTitle: text, phone: text, company: text })
const record = fc.option(
  fc.record({
    fields: texts,
    hidden: fc.subarray([...fields]),
    status: text,
    owner: fc.option(fc.constantFrom('o1', 'o2'), { nil: null }),
    precedence: fc.integer({ min: 1, max: 3 }),
    fieldPrecedence: fc.dictionary(fc.constantFrom(...fields, 'crmStatus'), fc.integer({ min: 1, max: 3 })),
    off: fc.subarray([...fields, 'crmStatus'] as const),
  }),
  { nil: null },
)
const world = fc.record({
  records: fc.tuple(record, record, record),
  given: texts,
  corrections: texts,
  directory: fc.option(
    fc.record({ name: text, job_title: text, phone: text, company: text, crm_status: text }),
    { nil: null },
  ),
})

type World = typeof world extends fc.Arbitrary<infer T> ? T : never

let foyer: TestFoyer
beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
})
afterAll(() => foyer.close())

test('each field is the first that is known: corrected, of the CRMs in order, given, of the directory', async () => {
  await fc.assert(
    fc.asyncProperty(world, async (said) => {
      const email = `${randomUUID()}@northwind.test`
      const { db, clock, pool } = foyer.app.services
      const now = clock.now()
      await pool.query('delete from connections')
      for (const [place, one] of said.records.entries()) {
        const connector = connectors[place] ?? ''
        if (!one) continue
        await pool.query(
          `insert into connections (id, connector, state, precedence, field_precedence, write_back, created_at, changed_at)
           values ($1, $2, 'active', $3, $4, $5, $6, $6)`,
          [
            randomUUID(),
            connector,
            one.precedence,
            one.fieldPrecedence,
            { directions: Object.fromEntries(one.off.map((field) => [field, 'off'])) },
            now,
          ],
        )
        const seen = Object.entries({ ...one.fields, crmStatus: one.status }).filter(
          ([field]) => !one.hidden.includes(field as Field),
        )
        await db.transaction().execute((tx) =>
          storePeople(
            tx,
            { connector, types: ['Contact'] },
            [
              {
                type: 'Contact',
                id: randomUUID(),
                emails: [email],
                fields: Object.fromEntries(seen),
                owner: one.owner
                  ? { id: one.owner, name: one.owner, email: null, active: true, isQueue: false }
                  : null,
                company: null,
                url: 'https://crm.example/1',
                changedAt: now,
                formerIds: [],
              },
            ],
            { readAt: now, direct: true },
          ),
        )
      }
      const { directory } = said
      if (directory)
        await pool.query(
          `insert into people (id, email, name, job_title, phone, company, crm_status, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)`,
          [
            randomUUID(),
            email,
            ...(['name', 'job_title', 'phone', 'company', 'crm_status'] as const).map(
              (one) => directory[one] || null,
            ),
            now,
          ],
        )
      const { id } = await aVisitor(pool, now, { siteId: foyer.site.id, email })
      const corrections = Object.fromEntries(
        Object.entries(said.corrections).filter(([, value]) => value?.trim()),
      )
      await pool.query(
        `update visitors set name = $2, job_title = $3, phone = $4, company = $5, corrections = $6 where id = $1`,
        [id, ...fields.map((field) => said.given[field]?.trim() || null), corrections],
      )
      const [panel] = await describeVisitors(db, now, sql`v.id = ${id}`)
      const expected = byHand(said)
      expect(panel).toMatchObject(expected)
    }),
    { numRuns: 60 },
  )
})

function byHand({ records, given, corrections, directory }: World) {
  const known = (value: string | null | undefined) => value?.trim() || null
  const crms = records.flatMap((one, place) => (one ? [{ ...one, connector: connectors[place] ?? '' }] : []))
  const inOrder = (field: Field | 'crmStatus') =>
    crms.toSorted(
      (one, other) =>
        (one.fieldPrecedence[field] ?? one.precedence) - (other.fieldPrecedence[field] ?? other.precedence) ||
        one.precedence - other.precedence ||
        (one.connector < other.connector ? -1 : 1),
    )
  const panel: Record<string, unknown> = {}
  const sources: Record<string, unknown> = {}
  const set = (field: string, value: string | null, source: string) => {
    panel[field] = value
    if (value !== null) sources[field] = { source }
  }
  for (const field of fields) {
    const says = inOrder(field).find(
      (one) => !one.hidden.includes(field) && !one.off.includes(field) && known(one.fields[field]),
    )
    const choices: [string | null, string][] = [
      [known(corrections[field]), 'agent'],
      [known(says?.fields[field]), says?.connector ?? ''],
      [known(given[field]), 'visitor'],
      [directory?.[columns[field]] || null, 'directory'],
    ]
    const [value, source] = choices.find(([one]) => one !== null) ?? [null, '']
    set(field, value, source)
  }
  const statusOf = (one: (typeof crms)[number]) => (one.off.includes('crmStatus') ? null : known(one.status))
  const standing = inOrder('crmStatus').find((one) => statusOf(one) !== null || one.owner !== null)
  if (standing) set('crmStatus', statusOf(standing), standing.connector)
  else set('crmStatus', directory?.crm_status || null, 'directory')
  panel.owner = standing?.owner ? { name: standing.owner, email: null } : null
  return { ...panel, sources }
}

import { expect, test } from 'vitest'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import { untilPolled } from './polled.ts'

test('a CRM that answers late holds up no other one', async () => {
  const {
    foyer,
    crms: [late, prompt],
  } = await foyerWithCrms(['late', 'prompt'])
  for (const crm of [late, prompt]) await crm.connect(foyer.app.services)
  await untilPolled(foyer, 'everybody is read', async () => {
    const { rows } = await foyer.pool.query(`select from connection_sync where import_state = 'done'`)
    return rows.length === 2
  })

  const answer = Promise.withResolvers<void>()
  try {
    const asked = late.callsOf('changes').length
    const never = { waitFor: answer.promise }
    late.next('changes', never, never, never)
    await untilPolled(foyer, 'the late one is asked', () => late.callsOf('changes').length > asked)
    prompt.put({ emails: ['ada@northwind.test'], fields: { name: 'Ada' } })
    await untilPolled(foyer, 'the other one is read', async () => {
      const { rows } = await foyer.pool.query(`select from people_mirror where connector = 'prompt'`)
      return rows.length === 1
    })
    // it is still waited for
    const { rows } = await foyer.pool.query(
      `select s.poll_failures from connection_sync s join connections c on c.id = s.connection_id where c.connector = 'late'`,
    )
    expect(rows).toEqual([{ poll_failures: 0 }])
  } finally {
    answer.resolve()
  }
})

import { expect, test } from 'vitest'
import type { ConnectionList, WritePreview } from '#core/contracts/connections.ts'
import type { EntryPage } from '#core/contracts/conversations.ts'
import type { ActivityPage, Visitor } from '#core/contracts/visitors.ts'
import { addressOfRunning } from '#core/db/embedded/embedded-postgres.ts'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { endPostgresOf } from '#tests/support/embedded.ts'
import { atFileEnd } from '#tests/support/file-end.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import { VisitorActor } from '#tests/support/visitor-actor.ts'
import { waitFor } from '#tests/support/wait.ts'

const day = 86_400_000
const people = [
  {
    crm: 'salesforce',
    email: 'sofia.ricci@northwind.test',
    panel: {
      name: 'Sofia Ricci',
      jobTitle: 'Head of Purchasing',
      phone: '+39 02 5550 0142',
      crmStatus: 'Working - Contacted',
      company: 'Northwind',
    },
  },
  {
    crm: 'hubspot',
    email: 'tom.becker@contoso.test',
    panel: { name: 'Tom Becker', jobTitle: 'CTO', crmStatus: 'Opportunity', company: 'Contoso' },
  },
]

test('the demo brings its CRMs along, connected, and goes on with all that was said after it was killed', async () => {
  const folder = await folderForFile('demo-crms')
  const env = { FOYER_DATA_DIR: `${folder}/demo`, FOYER_DEMO_PASSWORD: 'the demo password' }
  atFileEnd(() => endPostgresOf(env.FOYER_DATA_DIR))

  const first = await startFoyerProcess('demo', env)
  atFileEnd(() => first.kill())
  await waitFor('it says how to sign in', () => first.output.includes('Ctrl-C stops it'))
  await checkPrinted(first.output, first.port)
  const before = await signIn(first.port, 'admin@foyer.test')
  const chats: string[] = []
  for (const { crm, ...person } of people) {
    const { id, visitor, said } = await meets(first.port, { crm, email: person.email })
    chats.push(id)
    expect(visitor).toMatchObject({ ...person.panel, email: person.email, crm: { source: crm } })
    expect(visitor.sources.jobTitle?.source).toBe(crm)
    // both have older ones in their CRM: see the samples of the stand-ins
    for (const { at } of said) expect(new Date(at).getTime()).toBeGreaterThanOrEqual(Date.now() - 90 * day)
  }
  // nobody has looked at what would be written
  const all = (await before.http.get<ConnectionList>('/connections')).connections
  const connections = all.filter(({ connector }) => people.some(({ crm }) => crm === connector.id))
  expect(connections.map(({ connector, state, writingOn }) => [connector.id, state, writingOn])).toEqual([
    ['salesforce', 'active', false],
    ['hubspot', 'active', false],
  ])
  const preview = await before.http.post<WritePreview>(`/connections/${connections[0]?.id}/preview`)
  expect(preview.isSample).toBe(false)
  await before.leaves()
  await first.kill()

  const second = await startFoyerProcess('demo', env)
  atFileEnd(() => second.kill())
  const after = await signIn(second.port, 'admin@foyer.test')
  for (const id of chats) {
    const { entries } = await after.http.get<EntryPage>(`/conversations/${id}/messages`)
    expect(entries.map(({ kind, text }) => text ?? kind)).toEqual([
      'Do you have these in stock?',
      'joined',
      'ended',
    ])
  }
  for (const { id } of connections)
    expect(await after.http.post(`/connections/${id}/test`)).toMatchObject({ ok: true, failure: null })
  for (const { panel, ...person } of people)
    expect((await meets(second.port, person)).visitor).toMatchObject(panel)
  await after.leaves()
  expect(await second.stop('SIGINT')).toBe(0)
  expect(await addressOfRunning(env.FOYER_DATA_DIR)).toBeUndefined()
})

/** What a newcomer reads in the terminal: both addresses open, and these people come in with this password. */
async function checkPrinted(output: string, port: number): Promise<void> {
  for (const path of ['demo', 'inbox']) {
    const address = `http://127.0.0.1:${port}/${path}`
    expect(output).toContain(`${address} `)
    expect((await fetch(address, { headers: { connection: 'close' } })).status).toBe(200)
  }
  expect(output).toContain('Password     the demo password')
  // nobody comes online: whoever did would be asked for a while
  for (const email of output.match(/\w+@foyer\.test/g) ?? [])
    await (await signIn(port, email, false)).leaves()
  expect(output).toContain('dana@foyer.test')
}

const signIn = (port: number, email: string, online = email !== 'admin@foyer.test') =>
  AgentActor.signIn(`http://127.0.0.1:${port}`, email, 'the demo password', { online })

/** Somebody with this address chats with Dana. */
async function meets(port: number, { crm, email }: { crm: string; email: string }) {
  const dana = await signIn(port, 'dana@foyer.test')
  const visitor = await VisitorActor.arrive(`http://127.0.0.1:${port}`, {
    siteKey: 'demo',
    fields: { email },
  })
  const { id } = await visitor.asks('Do you have these in stock?')
  await dana.accepts(id)
  const filled = await waitFor('the panel is filled', async () => {
    const { activities } = await dana.http.get<ActivityPage>(`/visitors/${visitor.id}/activities`)
    const panel = await dana.http.get<Visitor>(`/visitors/${visitor.id}`)
    const said = activities.filter(({ source }) => source === crm)
    return said.length > 3 && panel.name !== null && { id, visitor: panel, said }
  })
  await dana.ends(id)
  await visitor.leaves()
  await dana.leaves()
  return filled
}

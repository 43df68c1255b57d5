import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loadPackages } from '#connectors/packages.ts'
import { testConformance } from '#connectors/sdk/conformance/index.ts'
import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import { startTinyCrm } from './tiny-crm.ts'

/** The example of connectors/README.md, installed as npm would: a folder of JavaScript under node_modules. */
const home = await mkdtemp(join(tmpdir(), 'foyer-packages-'))
const packages = join(home, 'node_modules')
await cp(join(import.meta.dirname, 'foyer-connector-tiny'), join(packages, 'foyer-connector-tiny'), {
  recursive: true,
})
afterAll(() => rm(home, { recursive: true }))

const [tiny] = (await loadPackages(['foyer-connector-tiny'], home)) as [ConnectorDeclaration]

testConformance(tiny, startTinyCrm, { test, can: ['hideField'] })

/** The suite's tests, to be run one by one. */
function rulesFor(connector: ConnectorDeclaration): Map<string, () => Promise<void>> {
  const rules = new Map<string, () => Promise<void>>()
  testConformance(connector, startTinyCrm, {
    can: ['hideField'],
    test: (name, run) => void rules.set(name.replace('Tiny CRM: ', ''), run),
  })
  return rules
}

const crm = (tiny as Required<ConnectorDeclaration>).crm

/** What an author may get wrong, and the rule that says so. */
const mistakes: [rule: RegExp, mistaken: ConnectorDeclaration][] = [
  [/declaration is sound/, { ...tiny, limits: { calls: { requests: 0, perMs: 1, reserve: 2 } } }],
  [/nothing else may be called/, { ...tiny, origins: () => ['https://api.tiny-crm.example'] }],
  [
    /no address finds anybody else/,
    {
      ...tiny,
      crm: { ...crm, findPerson: async (given) => (await crm.allPeople(given, null)).items[0] ?? null },
    },
  ],
  [
    /everybody is read/,
    {
      ...tiny,
      crm: { ...crm, allPeople: async (given) => ({ ...(await crm.allPeople(given, null)), cursor: null }) },
    },
  ],
  [
    /those instants included/,
    {
      ...tiny,
      crm: {
        ...crm,
        activities: (given, ref, { from, to }, cursor) =>
          crm.activities(given, ref, { from: new Date(from.getTime() + 1), to }, cursor),
      },
    },
  ],
  [
    /visible late is not missed/,
    {
      ...tiny,
      crm: {
        ...crm,
        // no overlap
        changes: (given, cursor) => {
          const { since, ...rest } = JSON.parse(cursor ?? '{}')
          const later = new Date(Date.parse(since) + 300_000).toISOString()
          return crm.changes(given, cursor && JSON.stringify({ since: later, ...rest }))
        },
      },
    },
  ],
  [
    /logging was never answered/,
    {
      ...tiny,
      crm: {
        ...crm,
        logConversation: (given, ref, chat) =>
          crm.logConversation(given, ref, { ...chat, key: `${chat.key}${Math.random()}` }),
      },
    },
  ],
  [
    /what fills only fills/,
    {
      ...tiny,
      crm: {
        ...crm,
        updatePerson: (given, ref, { key, values, onlyEmpty }) =>
          crm.updatePerson(given, ref, { key, values: { ...onlyEmpty, ...values }, onlyEmpty: {} }),
      },
    },
  ],
  [
    /found by address/,
    {
      ...tiny,
      crm: {
        ...crm,
        async findPerson(given, email) {
          given.connection.log.info({ token: await given.connection.credentials.accessToken() }, 'Asking')
          return crm.findPerson(given, email)
        },
      },
    },
  ],
  [
    /how long to rest/,
    {
      ...tiny,
      crm: {
        ...crm,
        findPerson: (given, email) => crm.findPerson(given, email).catch(() => crm.findPerson(given, email)),
      },
    },
  ],
]

test.each(mistakes)('a connector that breaks the rule %s is told so', async (rule, mistaken) => {
  const [name, run] = [...rulesFor(mistaken)].find(([name]) => rule.test(name)) ?? []
  expect(name).toBeDefined()
  await expect(run?.()).rejects.toThrow()
  await rulesFor(tiny).get(name ?? '')?.()
})

async function install(name: string, index: string): Promise<void> {
  await mkdir(join(packages, name), { recursive: true })
  await writeFile(
    join(packages, name, 'package.json'),
    JSON.stringify({ name, type: 'module', exports: './index.js' }),
  )
  await writeFile(join(packages, name, 'index.js'), index)
}

const refusal = (name: string) =>
  loadPackages([name], home).then(
    () => 'loaded',
    (error: Error) => error.message,
  )

test('a package that is not there, or is no connector, is named in one sentence with what is wrong', async () => {
  await install('no-function', 'export default 7')
  await install('no-default', 'export const x = 1')
  await install('throws', 'throw new Error("first line\\nsecond line")')
  await install('makes-nothing', 'export default () => null')
  await install('half', 'export default (sdk) => sdk.defineConnector({ id: "Half Done", name: "Half" })')
  await install('no-javascript', 'export default (')
  expect(await refusal('nobody-has-this')).toBe(
    'The connector nobody-has-this is not installed: npm install nobody-has-this, or take it out of FOYER_CONNECTORS.',
  )
  expect(await refusal('no-function')).toContain('must default-export a function')
  expect(await refusal('no-default')).toContain('must default-export a function')
  expect(await refusal('throws')).toBe('The connector throws cannot be loaded: first line')
  expect(await refusal('makes-nothing')).toContain('is an object, made with defineConnector')
  expect(await refusal('half')).toContain('id must be kebab-case')
  expect(await refusal('no-javascript')).toMatch(/^The connector no-javascript cannot be loaded: .+$/)
})

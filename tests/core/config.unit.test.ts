import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { expect, test, vi } from 'vitest'
import { type Config, readConfig, warnOfTestClock } from '#core/config.ts'
import { StartError } from '#core/errors.ts'

const database = 'postgres://foyer:hunter2hunter2@db.example:5432/foyer'
const redis = 'redis://cache.example:6379'
const secretKey = 'k'.repeat(32)
const external = { FOYER_DATABASE_URL: database, FOYER_SECRET_KEY: secretKey }

const wrong: [name: string, values: string[]][] = [
  ['FOYER_PORT', ['http', '-1', '65536', '3000.5', '80 80', ' ', '0x50', '1e3']],
  ['FOYER_PUBLIC_URL', ['chat.example.com', 'ftp://chat.example.com', 'javascript:alert(1)', 'https://']],
  [
    'FOYER_PUBLIC_URL',
    ['https://example.com/chat', 'https://example.com?site=1', 'https://me:pw@example.com'],
  ],
  ['FOYER_WIDGET_URL', ['widget.example.com', 'ws://widget.example.com', 'https://example.com/widget/']],
  ['FOYER_DATABASE_URL', ['db.example', 'mysql://db.example/foyer']],
  ['FOYER_REDIS_URL', ['cache.example:6379', 'http://cache.example']],
  ['FOYER_SECRET_KEY', ['short', 'k'.repeat(31)]],
  ['FOYER_SECRET_KEY_OLD', ['short']],
  ['FOYER_CONNECTORS', ['./mine', '/srv/mine.js', 'a,,b', '../x', 'https://example.com/x.js', 'a b']],
  [
    'FOYER_ALLOWED_INTERNAL_HOSTS',
    [
      'https://a.example',
      'a.example:8443',
      'a,,b',
      '10.0.0.0/8',
      '*.intern',
      '169.254.169.254',
      'metadata.google.internal',
    ],
  ],
  ['FOYER_SALESFORCE_URL', ['127.0.0.1:4000', 'http://127.0.0.1:4000/services']],
  ['FOYER_HUBSPOT_URL', ['ftp://127.0.0.1']],
  ['FOYER_GOOGLE_URL', ['google']],
  ['FOYER_SMTP_URL', ['mail.example', 'https://mail.example']],
  ['FOYER_LOG_LEVEL', ['loud', 'INFO', '3']],
  ['FOYER_TEST_CLOCK', ['tomorrow', '2026-11-20', '2026-11-20T09:00:00', '2026-13-20T09:00:00Z', '0']],
  ['FOYER_DEMO_PASSWORD', ['short']],
  ['FOYER_METRICS_TOKEN', ['short', 'of several words with spaces']],
  ['FOYER_TRUSTED_PROXIES', ['-1', '11', 'one', '1.5', ' ']],
]

test.each(wrong.flatMap(([name, values]) => values.map((value) => ({ name, value }))))(
  '$name="$value" is refused with one sentence that names it',
  ({ name, value }) => {
    const sentence = refusal('demo', { ...(name.includes('KEY') ? {} : external), [name]: value })
    expect(sentence).toMatch(new RegExp(`^${name} is not valid: it should be .+\\.$`))
    expect(sentence).not.toContain('\n')
  },
)

test('what was given is never repeated: it may be a secret', () => {
  for (const [name, value] of [
    ['FOYER_SECRET_KEY', 'sesame'],
    ['FOYER_DATABASE_URL', 'db://foyer:sesame@db.example'],
    ['FOYER_SMTP_URL', 'http://foyer:sesame@mail.example'],
    ['FOYER_DEMO_PASSWORD', 'sesame'],
  ] as const)
    expect(refusal('start', { [name]: value })).not.toContain('sesame')
})

const several = { ...external, FOYER_REDIS_URL: redis }
const combinations: [what: string, mode: Config['mode'], env: NodeJS.ProcessEnv, named: string[]][] = [
  ['an own database without a key', 'start', { FOYER_DATABASE_URL: database }, ['FOYER_SECRET_KEY']],
  [
    'Redis with the embedded database',
    'start',
    { FOYER_REDIS_URL: redis },
    ['FOYER_REDIS_URL', 'FOYER_DATABASE_URL'],
  ],
  ['Redis with the demo’s database', 'demo', { FOYER_REDIS_URL: redis }, ['FOYER_REDIS_URL']],
  ['a web process without Redis', 'web', external, ['FOYER_REDIS_URL']],
  ['a worker without Redis', 'worker', external, ['FOYER_REDIS_URL']],
  ['a web process without anything', 'web', {}, ['FOYER_DATABASE_URL', 'FOYER_REDIS_URL']],
  ['a worker without anything', 'worker', {}, ['FOYER_DATABASE_URL', 'FOYER_REDIS_URL']],
  [
    'a worker without a key',
    'worker',
    { FOYER_DATABASE_URL: database, FOYER_REDIS_URL: redis },
    ['FOYER_SECRET_KEY'],
  ],
  ['a web process without an address', 'web', several, ['FOYER_PUBLIC_URL', 'npm run web']],
  ['a worker without an address', 'worker', several, ['FOYER_PUBLIC_URL', 'npm run worker', 'links']],
]

test.each(combinations)('%s is refused', (_what, mode, env, named) => {
  const sentence = refusal(mode, env)
  for (const name of named) expect(sentence).toContain(name)
  expect(sentence).not.toContain('hunter2')
})

test('an empty variable is one that is not set', () => {
  const names = wrong.map(([name]) => name)
  const config = readConfig('start', Object.fromEntries(names.map((name) => [name, ''])))
  expect(config).toEqual(readConfig('start', {}))
  expect(config).toMatchObject({ host: '127.0.0.1', port: 3_000, databaseUrl: null, trustedProxies: 0 })
})

test('a clock for tests is never there unseen', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  const testClock = new Date('2026-11-20T09:00:00Z')
  warnOfTestClock({ mode: 'start', testClock: null })
  warnOfTestClock({ mode: 'demo', testClock })
  expect(warn).not.toHaveBeenCalled()
  for (const mode of ['start', 'web', 'worker'] as const) warnOfTestClock({ mode, testClock })
  expect(warn).toHaveBeenCalledTimes(3)
  expect(warn).toHaveBeenCalledWith(expect.stringMatching(/FOYER_TEST_CLOCK.*2026-11-20T09:00:00/))
  warn.mockRestore()
})

test('what is right is taken', () => {
  expect(
    readConfig('web', {
      ...several,
      FOYER_PORT: '0',
      FOYER_PUBLIC_URL: 'https://chat.example.com/',
      FOYER_TEST_CLOCK: '2026-11-20T09:00:00+01:00',
      FOYER_DATA_DIR: tmpdir(),
      FOYER_ALLOWED_INTERNAL_HOSTS: 'Calendar.intern.example, 10.0.3.7, [fd12::7]',
    }),
  ).toMatchObject({
    port: 0,
    internalHosts: ['calendar.intern.example', '10.0.3.7', 'fd12::7'],
    publicUrl: 'https://chat.example.com',
    testClock: new Date('2026-11-20T08:00:00Z'),
    dataDir: resolve(tmpdir()),
    databaseUrl: database,
    redisUrl: redis,
  })
})

function refusal(mode: Config['mode'], env: NodeJS.ProcessEnv): string {
  try {
    readConfig(mode, env)
  } catch (error) {
    if (error instanceof StartError) return error.message
    throw error
  }
  throw new Error('It was not refused')
}

import { isIP } from 'node:net'
import path from 'node:path'
import { z } from 'zod'
import { isNeverCalled } from '#connectors/sdk/addresses.ts'
import { StartError } from './errors.ts'

/** What the environment says, checked once. A wrong value stops the start with a sentence that names it. */
export interface Config {
  mode: 'demo' | 'start' | 'web' | 'worker'
  host: string
  /** 0 takes any free port. */
  port: number
  /** Where people reach Foyer, without a trailing slash; null until a port is known, and never where one process is not all. */
  publicUrl: string | null
  /** The widget's own origin, if it has one. */
  widgetUrl: string | null
  dataDir: string
  databaseUrl: string | null
  redisUrl: string | null
  secretKey: string | null
  /** What it was before: secrets sealed under these are sealed anew at the start. */
  oldSecretKeys: string[]
  smtpUrl: string | null
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
  testClock: Date | null
  /** An origin that stands in for browsers' push services, wherever it is. */
  pushUrl: string | null
  /** Connectors that were installed as npm packages, by their names. */
  connectors: string[]
  /** Origins that stand in for all of a vendor's hosts, by connector. */
  standIns: Record<string, string>
  /** Hosts in our own network that connectors may call, in lower case. */
  internalHosts: string[]
  demoPassword: string | null
  /** Opens /metrics to whoever carries it as a bearer token. */
  metricsToken: string | null
  /** How many proxies stand in front of Foyer and set X-Forwarded-For; 0 trusts none. */
  trustedProxies: number
}

const webUrl = (protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol))

/** Pages, sockets and origins are built on it: a path or a query in it would be lost in some and break the others. */
const siteUrl = webUrl(['http:', 'https:']).refine((value) => /^https?:\/\/[^/?#@]+\/*$/i.test(value))

/** In figures only: "0x50", "1e3" and a lone space are numbers to JavaScript, and hardly what was meant. */
const wholeNumber = (most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().max(most))

/** As npm has them: no paths, so that nothing but what was installed is loaded. */
const packageNames = z
  .string()
  .transform((list) => list.split(',').map((name) => name.trim()))
  .refine((names) =>
    names.every((name) => /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/.test(name)),
  )

/** Names and addresses, without ports. */
const hosts = z
  .string()
  .transform((list) =>
    list.split(',').map((host) =>
      host
        .trim()
        .toLowerCase()
        .replace(/^\[|\]$/g, ''),
    ),
  )
  .refine((list) =>
    list.every(
      (host) =>
        (isIP(host) !== 0 ||
          /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*$/.test(host)) &&
        !isNeverCalled(host),
    ),
  )

const Environment = z.object({
  FOYER_HOST: z.string().min(1).default('127.0.0.1'),
  FOYER_PORT: wholeNumber(65_535).default(3_000),
  FOYER_PUBLIC_URL: siteUrl.optional(),
  FOYER_WIDGET_URL: siteUrl.optional(),
  FOYER_DATA_DIR: z.string().min(1).optional(),
  FOYER_DATABASE_URL: webUrl(['postgres:', 'postgresql:']).optional(),
  FOYER_REDIS_URL: webUrl(['redis:', 'rediss:', 'unix:']).optional(),
  FOYER_SECRET_KEY: z.string().min(32).optional(),
  FOYER_SECRET_KEY_OLD: z.string().min(32).optional(),
  FOYER_SMTP_URL: webUrl(['smtp:', 'smtps:']).optional(),
  FOYER_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  FOYER_TEST_CLOCK: z.iso.datetime({ offset: true }).optional(),
  FOYER_DEMO_PASSWORD: z.string().min(8).optional(),
  FOYER_PUSH_URL: siteUrl.optional(),
  FOYER_CONNECTORS: packageNames.optional(),
  FOYER_ALLOWED_INTERNAL_HOSTS: hosts.optional(),
  FOYER_SALESFORCE_URL: siteUrl.optional(),
  FOYER_HUBSPOT_URL: siteUrl.optional(),
  FOYER_GOOGLE_URL: siteUrl.optional(),
  FOYER_METRICS_TOKEN: z.string().min(16).regex(/^\S+$/).optional(),
  FOYER_TRUSTED_PROXIES: wholeNumber(10).default(0),
})

const standsInFor = (vendor: string) =>
  `the address without a path of what stands in for ${vendor}, such as http://127.0.0.1:4000`

const expected: Record<keyof z.infer<typeof Environment>, string> = {
  FOYER_HOST: 'an address to listen on, such as 127.0.0.1 or 0.0.0.0',
  FOYER_PORT: 'a port from 0 to 65535 (0 takes any free one)',
  FOYER_PUBLIC_URL: 'an address without a path, such as https://chat.example.com',
  FOYER_WIDGET_URL: 'an address without a path, such as https://widget.example.com',
  FOYER_DATA_DIR: 'a folder',
  FOYER_DATABASE_URL: 'an address such as postgres://user:password@host:5432/foyer',
  FOYER_REDIS_URL: 'an address such as redis://host:6379',
  FOYER_SECRET_KEY: 'at least 32 characters of randomness',
  FOYER_SECRET_KEY_OLD: 'the key that FOYER_SECRET_KEY takes the place of, at least 32 characters',
  FOYER_SMTP_URL: 'an address such as smtp://user:password@host:587',
  FOYER_LOG_LEVEL: 'one of fatal, error, warn, info, debug, trace, silent',
  FOYER_TEST_CLOCK: 'an instant such as 2026-11-20T09:00:00Z',
  FOYER_DEMO_PASSWORD: 'at least 8 characters',
  FOYER_PUSH_URL:
    'the address without a path of what stands in for push services, such as http://127.0.0.1:4000',
  FOYER_ALLOWED_INTERNAL_HOSTS:
    'names or addresses of hosts in your own network with commas between them, such as calendar.intern.example (no ports, and none at which clouds hand out credentials)',
  FOYER_CONNECTORS: 'names of npm packages with commas between them, such as foyer-connector-x',
  FOYER_SALESFORCE_URL: standsInFor('Salesforce'),
  FOYER_HUBSPOT_URL: standsInFor('HubSpot'),
  FOYER_GOOGLE_URL: standsInFor('Google'),
  FOYER_METRICS_TOKEN: 'at least 16 characters of randomness, no spaces',
  FOYER_TRUSTED_PROXIES: 'a number of proxies from 0 to 10',
}

/** Rehearsals start Foyer like this too, so it is not refused; but nobody should meet customers on it unknowingly. */
export function warnOfTestClock({ mode, testClock }: Pick<Config, 'mode' | 'testClock'>): void {
  if (testClock === null || mode === 'demo') return
  console.warn(
    `FOYER_TEST_CLOCK is set: Foyer's clock runs from ${testClock.toISOString()}, not from today. It is for tests only: schedules, deadlines and retention follow it. Take it away before customers come.`,
  )
}

/**
 * @throws {StartError} naming the variable and what it should hold, never its value (it may be a secret), or the
 * combination that would fail silently.
 */
export function readConfig(mode: Config['mode'], env: NodeJS.ProcessEnv): Config {
  const e = parse(env)
  if (e.FOYER_DATABASE_URL && !e.FOYER_SECRET_KEY)
    throw new StartError(
      'FOYER_DATABASE_URL is set, so FOYER_SECRET_KEY must be too: without it the secrets in that database could not be read again.',
    )
  if (e.FOYER_REDIS_URL && !e.FOYER_DATABASE_URL)
    throw new StartError(
      'FOYER_REDIS_URL is set without FOYER_DATABASE_URL: Redis is for several processes, and the embedded database serves only one.',
    )
  if ((mode === 'web' || mode === 'worker') && !(e.FOYER_DATABASE_URL && e.FOYER_REDIS_URL))
    throw new StartError(
      `npm run ${mode} needs FOYER_DATABASE_URL and FOYER_REDIS_URL. For everything in one process use npm start.`,
    )
  if ((mode === 'web' || mode === 'worker') && !e.FOYER_PUBLIC_URL)
    throw new StartError(
      `npm run ${mode} needs FOYER_PUBLIC_URL, ${expected.FOYER_PUBLIC_URL}: of several processes none knows where people reach Foyer, and mails would go out without their links.`,
    )
  return {
    mode,
    host: e.FOYER_HOST,
    port: e.FOYER_PORT,
    publicUrl: e.FOYER_PUBLIC_URL?.replace(/\/+$/, '') ?? null,
    widgetUrl: e.FOYER_WIDGET_URL?.replace(/\/+$/, '') ?? null,
    dataDir: path.resolve(e.FOYER_DATA_DIR ?? (mode === 'demo' ? 'data/demo' : 'data')),
    databaseUrl: e.FOYER_DATABASE_URL ?? null,
    redisUrl: e.FOYER_REDIS_URL ?? null,
    secretKey: e.FOYER_SECRET_KEY ?? null,
    oldSecretKeys: e.FOYER_SECRET_KEY_OLD ? [e.FOYER_SECRET_KEY_OLD] : [],
    smtpUrl: e.FOYER_SMTP_URL ?? null,
    logLevel: e.FOYER_LOG_LEVEL,
    testClock: e.FOYER_TEST_CLOCK ? new Date(e.FOYER_TEST_CLOCK) : null,
    demoPassword: e.FOYER_DEMO_PASSWORD ?? null,
    pushUrl: e.FOYER_PUSH_URL?.replace(/\/+$/, '') ?? null,
    connectors: e.FOYER_CONNECTORS ?? [],
    standIns: standInsOf(e),
    internalHosts: e.FOYER_ALLOWED_INTERNAL_HOSTS ?? [],
    metricsToken: e.FOYER_METRICS_TOKEN ?? null,
    trustedProxies: e.FOYER_TRUSTED_PROXIES,
  }
}

/** By the ids of the connectors. */
function standInsOf(e: z.output<typeof Environment>): Record<string, string> {
  const origins = {
    salesforce: e.FOYER_SALESFORCE_URL,
    hubspot: e.FOYER_HUBSPOT_URL,
    'google-calendar': e.FOYER_GOOGLE_URL,
  }
  return Object.fromEntries(
    Object.entries(origins).flatMap(([id, url]) => (url ? [[id, new URL(url).origin]] : [])),
  )
}

/** Where the data is, for commands that need nothing else of the environment.
 *  @throws {StartError} as readConfig does */
export function readDataPlace(env: NodeJS.ProcessEnv): Pick<Config, 'dataDir' | 'databaseUrl'> {
  const e = parse(env)
  return { dataDir: path.resolve(e.FOYER_DATA_DIR ?? 'data'), databaseUrl: e.FOYER_DATABASE_URL ?? null }
}

function parse(env: NodeJS.ProcessEnv): z.output<typeof Environment> {
  // an empty variable is how many tools say "not set"
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = Environment.safeParse(given)
  if (parsed.success) return parsed.data
  const name = String(parsed.error.issues[0]?.path[0]) as keyof typeof expected
  throw new StartError(`${name} is not valid: it should be ${expected[name]}.`)
}

import type { OAuthDeclaration } from './auth.ts'
import type { ConnectorDeclaration, SettingDeclaration } from './contract.ts'
import { personFields } from './crm.ts'

const sample = { settings: {}, account: null, standIn: null }

/** @returns a sentence for each thing that is wrong with a declaration, which may be anything: a package gave it. */
export function whatIsWrongWith(declaration: unknown): string[] {
  const wrong: string[] = []
  const must = (holds: unknown, sentence: string) => {
    if (!holds) wrong.push(sentence)
    return Boolean(holds)
  }
  const isFunction = (value: unknown, name: string) =>
    must(typeof value === 'function', `${name} must be a function.`)

  if (!must(isObject(declaration), 'A connector is an object, made with defineConnector.')) return wrong
  const { id, name, auth, settings, origins, limits, identify, crm, calendar } =
    declaration as Partial<ConnectorDeclaration>
  must(isMatch(id, /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/), 'id must be kebab-case, such as "my-crm".')
  must(isMatch(name, /^.{1,60}$/), 'name must be a text, as the vendor writes it.')
  isFunction(origins, 'origins')
  isFunction(identify, 'identify')
  checkAuth(auth, must)
  checkSettings(settings, must)
  checkLimits(limits, must)
  if (crm !== undefined) checkCrm(crm, must)
  if (calendar !== undefined) checkCalendar(calendar, must)
  if (wrong.length === 0) checkOrigins(declaration as ConnectorDeclaration, must)
  return wrong
}

type Must = (holds: unknown, sentence: string) => boolean

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
const isMatch = (value: unknown, pattern: RegExp) => typeof value === 'string' && pattern.test(value)
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '')

function checkAuth(auth: Partial<ConnectorDeclaration['auth']> | undefined, must: Must): void {
  const isKnown = isObject(auth) && (auth.kind === 'oauth2' || auth.kind === 'password')
  if (!must(isKnown, 'auth must be of kind "oauth2" or "password".') || !auth) return
  must(isTexts(auth.steps) && auth.steps.length > 0, 'auth.steps must say how to come by what is entered.')
  must(URL.canParse(String(auth.documentation)), 'auth.documentation must be an address.')
  if (auth.kind === 'oauth2') checkOAuth(auth, must)
}

function checkOAuth(auth: Partial<OAuthDeclaration>, must: Must): void {
  for (const name of ['authorizeUrl', 'tokenUrl', 'isGrantGone'] as const)
    must(typeof auth[name] === 'function', `auth.${name} must be a function.`)
  for (const name of ['accountFrom', 'revoke'] as const)
    must(auth[name] === undefined || typeof auth[name] === 'function', `auth.${name} must be a function.`)
  must(isTexts(auth.scopes), 'auth.scopes must be a list of texts.')
  must(
    auth.clientAuthentication === 'body' || auth.clientAuthentication === 'basic',
    'auth.clientAuthentication must be "body" or "basic".',
  )
  must(
    isTexts(auth.steps) && auth.steps.some((step) => step.includes('{redirectUrl}')),
    'auth.steps must show {redirectUrl}, which the admin copies.',
  )
}

function checkSettings(settings: unknown, must: Must): void {
  if (!must(Array.isArray(settings), 'settings must be a list.')) return
  const seen = new Set<string>()
  for (const setting of settings as Partial<ConnectorDeclaration['settings'][number]>[]) {
    const key = String(setting?.key)
    must(/^[a-z][a-zA-Z0-9]*$/.test(key), 'Each setting’s key must be camelCase.')
    must(!seen.has(key), `There are two settings "${key}".`)
    seen.add(key)
    must(
      isMatch(setting?.label, /./) && isMatch(setting?.help, /./),
      `The setting "${key}" needs a label and a help.`,
    )
    must(
      ['text', 'origin', 'address', 'choice'].includes(String(setting?.kind)),
      `The setting "${key}" has no known kind.`,
    )
    must(
      setting?.domains === undefined || (setting.kind === 'origin' && isTexts(setting.domains)),
      `The setting "${key}" may have domains, a list of texts, if it is an origin.`,
    )
    if (setting?.kind === 'choice')
      must(
        Array.isArray(setting.options) && setting.options.length > 0,
        `The setting "${key}" needs options.`,
      )
  }
}

function checkLimits(limits: unknown, must: Must): void {
  if (!must(isObject(limits), 'limits must be an object.')) return
  for (const [name, limit] of Object.entries(limits as ConnectorDeclaration['limits'])) {
    must(
      Number.isInteger(limit?.requests) && limit.requests > 0,
      `The limit "${name}" needs a number of requests.`,
    )
    must(Number.isInteger(limit?.perMs) && limit.perMs >= 40, `The limit "${name}" needs perMs, 40 or more.`)
    must(limit?.reserve >= 0 && limit?.reserve < 1, `The limit "${name}" needs a reserve from 0 to below 1.`)
  }
}

function checkCrm(crm: Partial<NonNullable<ConnectorDeclaration['crm']>>, must: Must): void {
  if (!must(isObject(crm), 'crm must be an object.')) return
  for (const name of [
    'describe',
    'owners',
    'findPerson',
    'readPerson',
    'activities',
    'allPeople',
    'changes',
    'createPerson',
    'updatePerson',
    'logConversation',
    'logMeeting',
    'previewOf',
  ] as const)
    must(typeof crm[name] === 'function', `crm.${name} must be a function.`)
  const types = Array.isArray(crm.personTypes) ? crm.personTypes.map(({ type }) => type) : []
  must(types.length > 0, 'crm.personTypes must name the types of record that are people.')
  must(isObject(crm.mapping), 'crm.mapping must be an object.')
  for (const type of types)
    must(isObject(crm.mapping?.[type]), `crm.mapping must say where the fields of a ${type} come from.`)
  for (const field of Object.values(crm.mapping ?? {}).flatMap((one) => Object.keys(one ?? {})))
    must((personFields as readonly string[]).includes(field), `crm.mapping knows no field "${field}".`)
  must(Array.isArray(crm.activityKinds), 'crm.activityKinds must be a list.')
  must(
    crm.staleHistories === undefined || typeof crm.staleHistories === 'function',
    'crm.staleHistories must be a function.',
  )
  must(
    crm.webhooks === undefined || typeof crm.webhooks?.read === 'function',
    'crm.webhooks.read must be a function.',
  )
}

function checkCalendar(calendar: Partial<NonNullable<ConnectorDeclaration['calendar']>>, must: Must): void {
  if (!must(isObject(calendar), 'calendar must be an object.')) return
  for (const name of [
    'calendars',
    'busy',
    'busyEvents',
    'insertEvent',
    'readEvent',
    'changeEvent',
    'cancelEvent',
    'changes',
  ] as const)
    must(typeof calendar[name] === 'function', `calendar.${name} must be a function.`)
  must(typeof calendar.tellsGuests === 'boolean', 'calendar.tellsGuests must say whether guests are mailed.')
  must(
    calendar.video === null || isMatch(calendar.video, /./),
    'calendar.video must be the name of what is used, or null.',
  )
  for (const name of ['open', 'close', 'read'] as const)
    must(
      calendar.channels === undefined || typeof calendar.channels?.[name] === 'function',
      `calendar.channels.${name} must be a function.`,
    )
}

/** With a stand-in named, no address of the vendor's is called. */
function checkOrigins(declaration: ConnectorDeclaration, must: Must): void {
  const standIn = 'http://127.0.0.1:9'
  const settings = Object.fromEntries(declaration.settings.map((setting) => [setting.key, sampleOf(setting)]))
  try {
    const origins = declaration.origins({ ...sample, settings })
    must(isTexts(origins), 'origins must give a list of origins.')
    for (const origin of isTexts(origins) ? origins : [])
      must(
        URL.parse(origin)?.origin === origin,
        `origins gives ${origin}, which is not an origin such as https://api.example.com.`,
      )
    const { auth } = declaration
    for (const url of auth.kind === 'oauth2' ? [auth.authorizeUrl, auth.tokenUrl] : [])
      must(
        URL.parse(url({ settings, standIn }))?.origin === standIn,
        'auth.authorizeUrl and auth.tokenUrl must lead to the stand-in where there is one.',
      )
  } catch (error) {
    must(
      false,
      `origins, auth.authorizeUrl or auth.tokenUrl fail before anything is connected (${(error as Error).message}).`,
    )
  }
}

function sampleOf({ kind, initial, options, domains }: SettingDeclaration): string {
  if (initial) return initial
  if (kind === 'origin' || kind === 'address') return `https://sample.${domains?.[0] ?? 'example.com'}`
  return kind === 'choice' ? (options?.[0]?.value ?? '') : 'sample'
}

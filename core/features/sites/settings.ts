import { SiteSettings } from '../../contracts/sites.ts'

/** How a widget looks and asks until somebody changes it. */
export const defaultSiteSettings = (companyName: string): SiteSettings => ({
  companyName: companyName.slice(0, 80),
  brandColour: '#2457d6',
  position: 'right',
  launcherLabel: 'Open chat',
  greeting: {
    title: 'How can we help?',
    text: 'Ask us anything. A person answers, usually within a minute.',
    pokeAfterMs: null,
  },
  fields: [
    { name: 'name', required: false },
    { name: 'email', required: true },
  ],
  privacy: {
    notice: 'We keep what you write so that we can answer you now and know you next time.',
    url: null,
    tick: false,
  },
  fallbackText: 'Nobody could answer just now. Leave us a message and we will get back to you.',
  theme: 'system',
  booking: null,
})

/** Settings as they were stored, by whichever version: what is missing or not valid any more is the default. */
export function readSiteSettings(stored: unknown, companyName: string): SiteSettings {
  const defaults = defaultSiteSettings(companyName)
  if (!isRecord(stored)) return defaults
  const settings: Record<string, unknown> = { ...defaults }
  for (const [key, schema] of Object.entries(SiteSettings.shape)) {
    const fallback = defaults[key as keyof SiteSettings]
    const value = isOldPromise(key, stored[key]) ? undefined : stored[key]
    // a group that was stored before it had all its members
    const whole = isRecord(fallback) && isRecord(value) ? { ...fallback, ...value } : value
    const parsed = schema.safeParse(whole)
    if (parsed.success) settings[key] = parsed.data
  }
  return SiteSettings.parse(settings)
}

/** What sites were made with before: mail is promised only where some can be sent, and no default knows that. */
const isOldPromise = (key: string, value: unknown) =>
  key === 'fallbackText' &&
  value === 'Nobody could answer just now. Leave us a message and we will write back by e-mail.'

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

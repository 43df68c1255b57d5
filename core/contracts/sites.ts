import { z } from 'zod'
import { Id, Text, WebAddress } from './common.ts'
import { BookingTarget } from './meetings.ts'

export const FieldName = z.enum(['name', 'email', 'jobTitle', 'phone', 'company'])
export type FieldName = z.infer<typeof FieldName>

const Colour = z.string().regex(/^#[0-9a-f]{6}$/i, 'A colour is written like #1d4f3f.')
const line = (max: number) => Text.pipe(z.string().trim().max(max))

/** How the widget looks and asks on one site. */
export const SiteSettings = z.strictObject({
  /** Shown in the panel's head. */
  companyName: line(80),
  brandColour: Colour,
  position: z.enum(['right', 'left']),
  launcherLabel: line(40),
  greeting: z.strictObject({
    title: line(120),
    text: line(300),
    /** After how long the greeting shows beside the launcher, in ms; null: never. */
    pokeAfterMs: z.number().int().min(0).max(600_000).nullable(),
  }),
  /** What is asked before the request, in this order; leaving a message always asks for an e-mail. */
  fields: z.array(z.strictObject({ name: FieldName, required: z.boolean() })).max(5),
  privacy: z.strictObject({
    notice: line(500),
    url: WebAddress.nullable(),
    /** Whether a tick is needed before the first message. */
    tick: z.boolean(),
  }),
  /** What the visitor reads when nobody accepts. */
  fallbackText: line(500),
  theme: z.enum(['system', 'light', 'dark']),
  /** In whose calendar its visitors book a meeting; null: that is not offered. */
  booking: BookingTarget.nullable().default(null),
})
export type SiteSettings = z.infer<typeof SiteSettings>

/** Where a site's requests go when nobody is asked by name. */
export const SiteRoute = z.discriminatedUnion('by', [
  z.strictObject({ by: z.literal('round_robin') }),
  z.strictObject({ by: z.literal('agent'), agentId: Id }),
  z.strictObject({ by: z.literal('team'), teamId: Id }),
  z.strictObject({ by: z.literal('rules') }),
])
export type SiteRoute = z.infer<typeof SiteRoute>

export const Site = z.object({
  id: Id,
  name: z.string(),
  key: z.string(),
  allowedOrigins: z.array(z.string()),
  settings: SiteSettings,
  route: SiteRoute,
  /** What to paste before </body>. */
  snippet: z.string(),
  /** Of all that can be changed: what `If-Match` of a change is compared with. */
  version: z.string(),
})
export type Site = z.infer<typeof Site>
export const SiteList = z.object({ sites: z.array(Site) })

const Origin = Text.pipe(
  z
    .string()
    .trim()
    .regex(
      /^https?:\/\/[a-z0-9.-]+(:\d+)?$/i,
      'An origin is written like https://www.example.com, without a path.',
    )
    .transform((origin) => origin.toLowerCase()),
)
export const SaveSite = z.strictObject({
  name: Text.pipe(z.string().trim().min(1, 'A name is needed.').max(100)),
  allowedOrigins: z.array(Origin).max(50),
  settings: SiteSettings,
  /** Left out: as it is. */
  route: SiteRoute.optional(),
})
export const CreateSite = z.strictObject({
  name: Text.pipe(z.string().trim().min(1, 'A name is needed.').max(100)),
  allowedOrigins: z.array(Origin).max(50),
})

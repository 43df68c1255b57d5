import { randomUUID } from 'node:crypto'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { FreeSlots, MeetingSettings } from '#core/contracts/meetings.ts'
import { BookingCardScreen } from './booking-card.ts'
import { screenshot, sizes } from './browser.ts'
import { canBeMet } from './can-be-met.ts'
import type { AnAgent } from './factories.ts'
import { MemoryCalendar } from './memory-calendar.ts'
import { type Stage, type StageOptions, setStage } from './stage.ts'

export const sofia = { name: 'Sofia Ricci', email: 'sofia.ricci@northwind.test' }

export const fiveAhead =
  '5 meetings are booked by this link or e-mail address already. Move or cancel one of them first.'

interface SharedOptions {
  /** To a calendar of the provider's. */
  connected?: boolean
  /** The visitor whom it was shared with. */
  visitorId?: string
}

/** Where calendars are shared and booked on the page that a link opens: the widget shows the same card. It is the last Friday before
 *  Europe sets its clocks back. */
export class BookingStage {
  readonly stage: Stage
  readonly calendar: MemoryCalendar

  private constructor(stage: Stage, calendar: MemoryCalendar) {
    this.stage = stage
    this.calendar = calendar
  }

  /** Call it in `beforeAll`. */
  static async set(options: StageOptions = {}): Promise<BookingStage> {
    const calendar = new MemoryCalendar()
    const startsAt = new Date('2026-10-23T06:00:00Z')
    return new BookingStage(
      await setStage({ startsAt, connectors: [calendar.declaration()], ...options }),
      calendar,
    )
  }

  /** Somebody's calendar, and its link. */
  async shared(
    settings: Partial<MeetingSettings> = {},
    { connected = false, visitorId }: SharedOptions = {},
  ): Promise<{ host: AnAgent; token: string }> {
    const host = await this.stage.hire({ name: 'Dana Weber', email: `${randomUUID()}@foyer.test` })
    const { pool, clock } = this.stage.foyer
    await canBeMet(pool, host.id, settings)
    if (connected) await this.calendar.connect(this.stage.foyer, host.id)
    // all of them write into the same calendar
    this.calendar.events.clear()
    const token = randomUUID()
    await pool.query(
      'insert into calendar_shares (id, token, agent_id, visitor_id, created_at) values ($1, $2, $3, $4, $5)',
      [randomUUID(), token, host.id, visitorId ?? null, clock.now()],
    )
    return { host, token }
  }

  freeBy(token: string): Promise<FreeSlots> {
    return freeBy(this.stage.foyer.origin, token)
  }

  /** Somebody who has followed the link. */
  async guest(
    token: string,
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; card: BookingCardScreen }> {
    return this.opens(`/book/${token}`, options)
  }

  async opens(
    path: string,
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; card: BookingCardScreen }> {
    const { page } = await this.stage.person('guest', { timezoneId: 'Europe/Rome', ...options })
    await page.clock.setFixedTime(this.stage.foyer.clock.now())
    await page.goto(this.stage.foyer.origin + path)
    return { page, card: new BookingCardScreen(page) }
  }

  async meetingsOf(agentId: string): Promise<{ state: string; start: Date; timeZone: string }[]> {
    const { rows } = await this.stage.foyer.pool.query<{ state: string; start: Date; timeZone: string }>(
      `select state, start_at as start, time_zone as "timeZone" from meetings where agent_id = $1 order by start_at`,
      [agentId],
    )
    return rows
  }
}

const freeBy = async (origin: string, token: string): Promise<FreeSlots> =>
  (await fetch(`${origin}/api/v1/booking/${token}/slots`)).json()

/** What is booked by a link meanwhile: the first that is free, and on from there. */
export async function bookMany(origin: string, token: string, many: number, who = sofia): Promise<void> {
  const { slots } = await freeBy(origin, token)
  for (const { start } of slots.slice(0, many)) {
    const { status } = await fetch(`${origin}/api/v1/booking/${token}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ start, ...who, idempotencyKey: randomUUID() }),
    })
    expect(status).toBe(201)
  }
}

/** At the three sizes, light and dark, for people to look at. */
export async function everyLook(page: Page, name: string): Promise<void> {
  for (const [size, viewport] of Object.entries(sizes))
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme })
      await screenshot(page, `card-${name}-${size}-${colorScheme}`)
    }
  await page.setViewportSize(sizes.desktop)
  await page.emulateMedia({ colorScheme: 'light' })
}

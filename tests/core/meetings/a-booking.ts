import { randomUUID } from 'node:crypto'
import type { Book, BookingPage, FreeSlots, GuestMeeting, SharedCalendar } from '#core/contracts/meetings.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { MemoryCalendar } from '#tests/support/memory-calendar.ts'
import type { VisitorActor } from '#tests/support/visitor-actor.ts'

const dayMs = 86_400_000

export const everyDay = (start: string, end: string) =>
  [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, start, end }))

/** A host who can be met every day from nine to five, UTC; a chat with a visitor; and the calendar shared in it. */
export async function sharedCalendar(foyer: TestFoyer, settings: object = {}) {
  const host = await foyer.agent()
  await setMeetingSettings(host, settings)
  const email = `sofia.${randomUUID().slice(0, 8)}@northwind.test`
  const visitor = await foyer.visitor({
    fields: { name: 'Sofia Ricci', email },
  })
  const { id: conversationId } = await visitor.asks('May I see you?')
  await host.accepts(conversationId)
  const shared = await share(host, conversationId)
  await host.switchTo('unavailable')
  return { host, visitor, conversationId, ...shared, guest: new Guest(foyer.origin, shared.token), email }
}

/** Hours before anybody can be met, whenever it runs: what a test waits for does not meet what it booked. */
export const earlyInTheDay = () => new Date(Math.ceil(Date.now() / dayMs) * dayMs + 6 * 3_600_000)

/** The same with a calendar that is connected. Without workers: each test says itself when the work of a process that has died is found. */
export async function connectedCalendar(options: { tellsGuests?: boolean } = {}) {
  const calendar = new MemoryCalendar(options)
  const foyer = await startFoyer({
    workers: false,
    startsAt: earlyInTheDay(),
    connectors: [calendar.declaration()],
    config: { smtpUrl: 'smtp://127.0.0.1:1', publicUrl: 'https://chat.example.com' },
  })
  const shared = await sharedCalendar(foyer)
  const connectionId = await calendar.connect(foyer, shared.host.id)
  const { slots } = await shared.guest.slots()
  return { foyer, calendar, connectionId, slots, ...shared }
}

export async function setMeetingSettings({ http }: AgentActor, settings: object): Promise<void> {
  const before = await http.get<object>('/agents/me/meeting-settings')
  await http.put('/agents/me/meeting-settings', {
    ...before,
    timeZone: 'UTC',
    blocks: everyDay('09:00', '17:00'),
    noticeMinutes: 0,
    ...settings,
  })
}

export const share = (
  { http, id }: AgentActor,
  conversationId: string,
  agentId = id,
): Promise<SharedCalendar> => http.post(`/conversations/${conversationId}/calendar-shares`, { agentId })

/** Somebody who has nothing but the link. */
export class Guest {
  readonly http: HttpClient
  readonly path: string

  constructor(origin: string, token: string, visitor?: Pick<VisitorActor, 'session'>) {
    this.http = new HttpClient(origin)
    if (visitor) this.http.useToken(visitor.session.token)
    this.path = `/booking/${token}`
  }

  page = (): Promise<BookingPage> => this.http.get(this.path)

  slots = (query = ''): Promise<FreeSlots> => this.http.get(`${this.path}/slots${query}`)

  books = (
    start: string | undefined,
    more: Partial<Record<keyof Book, unknown>> = {},
  ): Promise<GuestMeeting> => this.http.post(this.path, this.wish(start, more))

  raw = (start: string | undefined, more: Partial<Record<keyof Book, unknown>> = {}): Promise<Response> =>
    this.http.raw('POST', this.path, this.wish(start, more))

  wish = (start: string | undefined, more: Partial<Record<keyof Book, unknown>> = {}) => ({
    start,
    name: 'Sofia Ricci',
    email: 'sofia.ricci@northwind.test',
    idempotencyKey: randomUUID(),
    timeZone: 'Europe/Rome',
    ...more,
  })
}

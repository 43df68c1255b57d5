import { randomUUID } from 'node:crypto'
import type { BusyTime, CalendarDeclaration, CalendarEvent, NewEvent } from '#connectors/sdk/calendar.ts'
import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import { ProviderConflictError, RecordGoneError } from '#connectors/sdk/errors.ts'
import type { TestFoyer } from './foyer.ts'

type Action = 'busy' | 'insertEvent' | 'changeEvent' | 'cancelEvent' | 'readEvent'

/** What becomes of one call: it fails before or after its effect, or its answer never comes. */
interface Fault {
  action: Action
  when: 'before' | 'after'
  /** Left out: there is no answer, as when the process that waits for it dies. */
  error?: Error
}

/** A calendar's provider in memory, for what only depends on the order of calls; the real ones have stand-ins of their own. */
export class MemoryCalendar {
  readonly events = new Map<string, CalendarEvent & { calendarId: string; made: NewEvent }>()
  readonly calls: Action[] = []
  /** What others put there. */
  busy: BusyTime[] = []
  inserted = 0
  readonly #faults: Fault[] = []
  readonly #waits = new Map<Action, () => Promise<void>>()
  readonly #heldBack = new Map<Action, () => Promise<void>>()
  readonly #tellsGuests: boolean

  constructor({ tellsGuests = false } = {}) {
    this.#tellsGuests = tellsGuests
  }

  fails(...faults: Fault[]): void {
    this.#faults.push(...faults)
  }

  /** The next call waits for this before it has its effect. */
  answersAfter(action: Action, wait: () => Promise<void>): void {
    this.#waits.set(action, wait)
  }

  /** The next call has its effect, and its answer tells of how it was then, after this. */
  heldBack(action: Action, wait: () => Promise<void>): void {
    this.#heldBack.set(action, wait)
  }

  /** As its owner does it in the calendar itself. */
  change(eventId: string, change: Partial<CalendarEvent>): CalendarEvent {
    const event = this.events.get(eventId)
    if (!event) throw new Error('There is no such event')
    return Object.assign(event, change, { etag: String(Number(event.etag) + 1) })
  }

  get confirmed(): CalendarEvent[] {
    return [...this.events.values()].filter(({ state }) => state === 'confirmed')
  }

  declaration(): ConnectorDeclaration {
    const calendar: CalendarDeclaration = {
      video: null,
      tellsGuests: this.#tellsGuests,
      calendars: async () => [{ id: 'main', name: 'Main', timeZone: 'UTC', isPrimary: true, mayWrite: true }],
      busy: (_connection, { from, to, except }) =>
        this.#act('busy', () =>
          [
            ...this.busy,
            ...[...this.events.values()]
              .filter(({ id, state }) => state === 'confirmed' && id !== except?.id)
              .map(({ calendarId, start, end }) => ({ calendarId, start, end })),
          ].filter(({ start, end }) => start < to && end > from),
        ),
      busyEvents: async () => ({ items: [], cursor: null }),
      insertEvent: (_connection, calendarId, event) =>
        this.#act('insertEvent', () => {
          const known = this.events.get(event.id)
          if (known) return known
          this.inserted++
          const made: CalendarEvent = {
            id: event.id,
            etag: '1',
            state: 'confirmed',
            start: event.start,
            end: event.end,
            guests: [{ email: event.guest.email, response: 'needs_action' }],
            hostResponse: 'accepted',
            video: { state: 'none', url: null },
            url: null,
          }
          this.events.set(event.id, { ...made, calendarId, made: event })
          return made
        }),
      readEvent: (_connection, { id }) => this.#act('readEvent', () => this.events.get(id) ?? null),
      changeEvent: (_connection, { id }, { time }, etag) =>
        this.#act('changeEvent', () => {
          const event = this.events.get(id)
          if (!event || event.state === 'cancelled') throw new RecordGoneError('It is gone.')
          if (etag !== null && etag !== event.etag)
            throw new ProviderConflictError('It was changed meanwhile.')
          Object.assign(event, time, { etag: String(Number(event.etag) + 1) })
          return event
        }),
      cancelEvent: (_connection, { id }) =>
        this.#act('cancelEvent', () => {
          const event = this.events.get(id)
          if (event) event.state = 'cancelled'
        }),
      changes: async (_connection, _calendarId, cursor) => ({
        changes: [],
        cursor: cursor ?? '1',
        done: true,
      }),
    }
    return {
      id: 'memory-calendar',
      name: 'Memory',
      auth: { kind: 'password', steps: ['Enter it.'], documentation: 'https://calendar.example/docs' },
      settings: [],
      origins: () => ['https://calendar.example'],
      limits: {},
      identify: async () => ({ id: 'account', name: 'Memory' }),
      calendar,
    }
  }

  /** An agent's own account, whose busy time is known. */
  async connect({ pool, clock }: TestFoyer, agentId: string): Promise<string> {
    const connectionId = randomUUID()
    const now = clock.now()
    await pool.query(
      `insert into connections (id, connector, state, precedence, created_at, changed_at, agent_id)
       values ($1, 'memory-calendar', 'active', 9, $2, $2, $3)`,
      [connectionId, now, agentId],
    )
    await pool.query('insert into connection_health (connection_id) values ($1)', [connectionId])
    await pool.query('insert into connection_secrets (connection_id) values ($1)', [connectionId])
    await pool.query(
      `insert into calendars (agent_id, connection_id, state, calendar_id, name, time_zone, busy_from, busy_until, busy_read_at, changed_at)
       values ($1, $2, 'ok', 'main', 'Main', 'UTC', $3, $4, $3, $3)`,
      [agentId, connectionId, now, new Date(now.getTime() + 100 * 86_400_000)],
    )
    return connectionId
  }

  async #act<T>(action: Action, effect: () => T): Promise<T> {
    this.calls.push(action)
    const wait = this.#waits.get(action)
    this.#waits.delete(action)
    await wait?.()
    const place = this.#faults.findIndex((fault) => fault.action === action)
    const [fault] = place < 0 ? [] : this.#faults.splice(place, 1)
    if (!fault) {
      const answer = structuredClone(effect())
      const heldBack = this.#heldBack.get(action)
      this.#heldBack.delete(action)
      await heldBack?.()
      return answer
    }
    if (fault.when === 'after') effect()
    if (fault.error) throw fault.error
    return new Promise<never>(() => undefined)
  }
}

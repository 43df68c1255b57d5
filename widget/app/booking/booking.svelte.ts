import type { BookingPage, GuestMeeting } from '#core/contracts/meetings.ts'
import type { Slot } from '#core/contracts/slots.ts'
import { NoAnswer, Refusal } from '../api.ts'
import { newId } from '../chat/outbox.ts'
import { type FormErrors, formErrors } from '../chat/problems.ts'
import { emailError } from '../fields.ts'
import { dayMs } from '../time.ts'
import { words } from '../words.ts'
import { api, type Place } from './api.ts'
import { ownZone, ZoneClock } from './days.ts'
import { b } from './words.ts'

/**
 * loading  reading what can be booked, or what was   -> times, meeting, failed, gone, closed
 * times    a time is chosen, for a meeting or for its move   -> confirm, meeting
 * confirm  a time is chosen, who comes is filled in   -> times (taken), meeting
 * meeting  there is one: held, booked, cancelled or failed   -> times (moved, or once more), asking
 * asking   whether it is to be cancelled   -> meeting
 * failed   nobody answered   -> loading
 * gone     there is nothing by this token
 * closed   the site leads to nobody at the moment
 */
export type View = 'loading' | 'times' | 'confirm' | 'meeting' | 'asking' | 'failed' | 'gone' | 'closed'

/** How far one look goes. */
const windowMs = 31 * dayMs
/** A meeting that is not certain yet is asked about this often. */
const askEveryMs = 3_000

export interface BookingOptions {
  /** `site`: as the visitor's site has it. */
  place: Place | 'site'
  /** The token of the chat's visitor, in the widget. */
  visitor?: () => string | null
  /** One that was asked for here stands in the calendar; not for a move. */
  onbooked?: () => void
  now?: () => number
}

/** One booking card: what is free, who comes, and what became of it. */
export class Booking {
  readonly #options: BookingOptions
  #place = $state.raw<Place>({ share: '' })
  /** What it was begun with; where the site says, known once it has loaded. */
  #from: Place
  #view = $state<View>('loading')
  #page = $state.raw<BookingPage | null>(null)
  #meeting = $state.raw<GuestMeeting | null>(null)
  #slots = $state.raw<readonly Slot[]>([])
  #until = 0
  #exhausted = $state(false)
  #zone = $state(ownZone())
  #chosen = $state.raw<Slot | null>(null)
  #busy = $state(false)
  #problem = $state('')
  #errors = $state.raw<FormErrors>({})
  #key = newId()
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The meeting that was asked for here. */
  #asked = $state<string | null>(null)
  /** The same, while nobody has been told of it. */
  #announce: string | null = null

  name = $state('')
  email = $state('')
  note = $state('')
  agreed = $state(false)

  readonly clock = $derived(new ZoneClock(this.#zone))
  readonly days = $derived(this.clock.days(this.#slots))

  constructor(options: BookingOptions) {
    this.#options = options
    this.#from = options.place === 'site' ? { share: '' } : options.place
    this.#place = this.#from
  }

  get view() {
    return this.#view
  }
  get page() {
    return this.#page
  }
  get meeting() {
    return this.#meeting
  }
  get chosen() {
    return this.#chosen
  }
  get busy() {
    return this.#busy
  }
  /** A sentence about what did not work; '' if all is well. */
  get problem() {
    return this.#problem
  }
  get errors() {
    return this.#errors
  }
  get exhausted() {
    return this.#exhausted
  }
  get zone() {
    return this.#zone
  }
  set zone(zone: string) {
    this.#zone = zone
  }
  get host(): string {
    const page = this.#page
    return this.#meeting?.agent.name ?? page?.agent?.name ?? page?.team?.name ?? page?.organisation ?? ''
  }
  /** Whose calendar it is; '' until that is known. */
  get organisation(): string {
    return this.#meeting?.organisation ?? this.#page?.organisation ?? ''
  }
  /** The address that an invitation to what was booked here goes to; '' where none does. */
  get invited(): string {
    return this.#page?.mails && this.#asked === this.#meeting?.id ? this.email.trim() : ''
  }
  /** Around what time of theirs somebody chooses: the one before, or that of the meeting. */
  get near(): number | null {
    const start = this.#chosen?.start ?? (this.moves ? this.#meeting?.start : undefined)
    return start === undefined ? null : Date.parse(start)
  }
  /** What the card is called; '' while nobody knows whose it is. */
  get label(): string {
    const name = this.host
    const isMeeting = this.#view === 'meeting' || this.#view === 'asking'
    return name && b(isMeeting ? 'meetingWith' : 'bookWith', { name })
  }
  /** A meeting that stands is being moved. */
  get moves(): boolean {
    return 'meeting' in this.#place
  }
  get mayBookAnother(): boolean {
    return 'share' in this.#from && this.#page?.bookable === true
  }
  /** The privacy notice that has to be accepted first; null where it was. */
  get tick(): BookingPage['consent'] {
    return this.moves ? null : (this.#page?.consent ?? null)
  }
  get isPast(): boolean {
    return this.#meeting !== null && Date.parse(this.#meeting.end) < this.#now()
  }

  #visitor = () => this.#options.visitor?.() ?? null

  #now = () => this.#options.now?.() ?? Date.now()

  start = async (): Promise<void> => {
    this.#view = 'loading'
    try {
      const visitor = this.#visitor()
      if (this.#options.place === 'site') this.#from = { share: (await api.link(visitor)).token }
      const from = this.#from
      this.#place = from
      if ('meeting' in from) return this.#show(await api.meeting(from.meeting))
      const now = this.#now()
      const [page, free] = await Promise.all([
        api.page(from.share, visitor),
        api.slots(from, now, now + windowMs),
      ])
      this.#page = page
      this.name ||= page.prefill.name ?? ''
      this.email ||= page.prefill.email ?? ''
      await this.#take(free.slots, now + windowMs, free.nextFree)
      const [latest] = page.meetings.filter(({ token }) => token !== null)
      if (latest) this.#show(latest)
      else this.#view = 'times'
    } catch (problem) {
      const said = problem instanceof Refusal ? problem.problem : null
      this.#view = said?.code === 'booking_not_offered' ? 'closed' : said?.status === 404 ? 'gone' : 'failed'
      if (!(problem instanceof Refusal || problem instanceof NoAnswer)) throw problem
    }
  }

  stop = (): void => clearTimeout(this.#timer)

  /** Something has changed with a meeting of this visitor. */
  news = async (): Promise<void> => {
    const token = this.#meeting?.token
    if (token) return this.#ask(token)
    if (this.#view === 'times' && !this.#busy) await this.start()
  }

  /** Looks further ahead. */
  later = async (): Promise<void> => {
    if (this.#busy || this.#exhausted) return
    this.#busy = true
    try {
      const { slots, nextFree } = await api.slots(this.#place, this.#until, this.#until + windowMs)
      await this.#take([...this.#slots, ...slots], this.#until + windowMs, slots.length > 0 ? null : nextFree)
      if (slots.length === 0 && nextFree === null) this.#exhausted = true
    } catch (problem) {
      if (!(problem instanceof Refusal || problem instanceof NoAnswer)) throw problem
      this.#problem = b('noAnswer')
    } finally {
      this.#busy = false
    }
  }

  choose = (slot: Slot): void => {
    if (this.#chosen?.start !== slot.start || this.#chosen.end !== slot.end) this.#key = newId()
    this.#chosen = slot
    this.#problem = ''
    this.#errors = {}
    this.#view = 'confirm'
  }

  chooseAgain = (): void => {
    this.#problem = ''
    this.#view = 'times'
  }

  confirm = async (): Promise<void> => {
    const slot = this.#chosen
    if (!slot || this.#busy) return
    if (!this.moves) {
      const email = this.email.trim() ? emailError(this.email) : b('neededEmail')
      this.#errors = {
        ...(this.name.trim() ? {} : { name: b('neededName') }),
        ...(email ? { email } : {}),
        ...(this.tick && !this.agreed ? { consent: words.neededTick } : {}),
      }
      if (Object.keys(this.#errors).length > 0) return
    }
    await this.#try(
      async () => {
        const place = this.#place
        const meeting =
          'meeting' in place
            ? { ...(await api.move(place.meeting, slot.start, this.#zone)), token: place.meeting }
            : await api.book(
                place.share,
                {
                  start: slot.start,
                  end: slot.end,
                  name: this.name.trim(),
                  email: this.email.trim(),
                  note: this.note.trim() || null,
                  idempotencyKey: this.#key,
                  timeZone: this.#zone,
                  ...(this.tick ? { consent: this.agreed } : {}),
                },
                this.#visitor(),
              )
        this.#key = newId()
        if (!('meeting' in place)) this.#asked = this.#announce = meeting.id
        if (this.#page) this.#page = { ...this.#page, consent: null }
        this.#show(meeting)
      },
      async (problem) => {
        const { code, status } = problem.problem
        // told to wait, it is the same booking that is sent again: it may have been made before
        if (status !== 429) this.#key = newId()
        if (code === 'slot_taken' || code === 'calendar_refused') {
          await this.#look()
          // Foyer may not have read yet that it is taken in the calendar itself
          this.#slots = this.#slots.filter(({ start, end }) => start !== slot.start || end !== slot.end)
          this.#problem = b(code === 'slot_taken' ? 'taken' : this.moves ? 'moveRefused' : this.#refused)
          this.#view = 'times'
        } else {
          this.#errors = formErrors(problem)
          // asked for since this card was drawn
          if (this.#errors.consent && !this.tick && 'share' in this.#place)
            this.#page = await api.page(this.#place.share, this.#visitor())
        }
      },
    )
  }

  /** On a page of its own there is no chat to write into. */
  get #refused() {
    return this.#options.visitor ? 'refused' : 'refusedOnPage'
  }

  move = async (): Promise<void> => {
    const token = this.#meeting?.token
    if (!token) return
    await this.#try(async () => {
      this.#place = { meeting: token }
      this.#slots = []
      await this.#look()
      this.#view = 'times'
    })
  }

  /** Another one, by the link that the last one was booked by. */
  another = async (): Promise<void> => {
    await this.#try(async () => {
      this.#place = this.#from
      await this.#look()
      this.#meeting = null
      this.#view = 'times'
    })
  }

  askCancel = (): void => {
    if (this.#busy) return
    this.#problem = ''
    this.#view = 'asking'
  }

  keep = (): void => {
    this.#problem = ''
    this.#view = 'meeting'
    // what was heard of it meanwhile was not shown
    const token = this.#meeting?.token
    if (token) void this.#ask(token)
  }

  cancel = (): Promise<void> =>
    this.#try(async () => {
      const token = this.#meeting?.token
      if (token) this.#show({ ...(await api.cancel(token)), token })
    })

  async #look(): Promise<void> {
    const now = this.#now()
    const { slots, nextFree } = await api.slots(this.#place, now, now + windowMs)
    await this.#take(slots, now + windowMs, nextFree)
  }

  /** With nothing free so far, on to where something is. */
  async #take(slots: readonly Slot[], until: number, nextFree: Slot | null): Promise<void> {
    this.#exhausted = slots.length === 0 && nextFree === null
    this.#slots = slots
    this.#until = until
    if (nextFree === null || Date.parse(nextFree.start) < until) return
    const from = Date.parse(nextFree.start)
    const further = await api.slots(this.#place, from, from + windowMs)
    this.#slots = [...slots, ...further.slots]
    this.#until = from + windowMs
  }

  #show(meeting: GuestMeeting): void {
    this.#meeting = meeting
    this.#problem = ''
    this.#view = 'meeting'
    clearTimeout(this.#timer)
    if (meeting.id === this.#announce && meeting.state !== 'held') {
      this.#announce = null
      if (meeting.state === 'booked') this.#options.onbooked?.()
    }
    const { token } = meeting
    const isOpen = meeting.state === 'held' || meeting.movingTo !== null
    if (isOpen && token) this.#timer = setTimeout(() => void this.#ask(token), askEveryMs)
  }

  async #ask(token: string): Promise<void> {
    // whoever chooses another time is not thrown out of it
    if (this.#view !== 'meeting') return
    const meeting = await api.meeting(token).catch(() => null)
    if (this.#view === 'meeting' && this.#meeting) this.#show({ ...(meeting ?? this.#meeting), token })
  }

  async #try(
    what: () => Promise<void>,
    refused: (problem: Refusal) => void | Promise<void> = (problem) => {
      this.#problem = b('notDone', { reason: problem.message })
    },
  ): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    this.#problem = ''
    try {
      await what()
    } catch (problem) {
      if (problem instanceof Refusal) await Promise.resolve(refused(problem)).catch(() => this.start())
      else if (problem instanceof NoAnswer) this.#problem = b(this.#view === 'confirm' ? 'lost' : 'noAnswer')
      else throw problem
    } finally {
      this.#busy = false
    }
  }
}

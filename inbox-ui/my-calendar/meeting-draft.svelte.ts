import type { MeetingSettings, meetingTokens } from '../../core/contracts/meetings.ts'
import { ScheduleDraft } from '../schedules/schedule-draft.svelte.ts'

/** What stands between {{ }} in a title or description. */
export const tokens: typeof meetingTokens = [
  'name',
  'email',
  'company',
  'jobTitle',
  'phone',
  'note',
  'agent',
  'organisation',
]

/** What is typed as a number: from, to, and whether it may be left empty. */
export const bounds = {
  durationMinutes: { least: 1, most: 1_440, optional: false },
  stepMinutes: { least: 1, most: 1_440, optional: true },
  bufferBeforeMinutes: { least: 0, most: 1_440, optional: false },
  bufferAfterMinutes: { least: 0, most: 1_440, optional: false },
  noticeMinutes: { least: 0, most: 525_600, optional: false },
  daysAhead: { least: 0, most: 365, optional: false },
  dailyMax: { least: 1, most: 100, optional: true },
} as const

export type NumberField = keyof typeof bounds
const numberFields = Object.keys(bounds) as NumberField[]

type Typed = Record<NumberField, string> & { title: string; body: string; location: string }
type Chosen = Pick<MeetingSettings, 'video' | 'noChatsWhileBusy' | 'reminderMinutes'>

/** Meeting settings that somebody is changing: half-typed, valid or not, and different from the saved ones or not. */
export class MeetingDraft {
  readonly schedule = new ScheduleDraft({ timeZone: 'UTC', blocks: [], datesOff: [] })
  #saved = $state.raw<MeetingSettings>() as MeetingSettings
  typed = $state<Typed>() as Typed
  chosen = $state<Chosen>() as Chosen

  readonly wrong: ReadonlySet<NumberField> = $derived(
    new Set(numberFields.filter((field) => !isRight(field, this.typed[field]))),
  )
  /** What would be saved; null while something is wrong. */
  readonly settings: MeetingSettings | null = $derived.by(() => {
    const schedule = this.schedule.schedule
    if (!schedule || this.wrong.size > 0 || this.typed.title.trim() === '') return null
    const number = (field: NumberField) => Number(this.typed[field])
    const orNull = (field: NumberField) => (this.typed[field].trim() ? number(field) : null)
    return {
      ...schedule,
      durationMinutes: number('durationMinutes'),
      stepMinutes: orNull('stepMinutes'),
      bufferBeforeMinutes: number('bufferBeforeMinutes'),
      bufferAfterMinutes: number('bufferAfterMinutes'),
      noticeMinutes: number('noticeMinutes'),
      daysAhead: number('daysAhead'),
      dailyMax: orNull('dailyMax'),
      title: this.typed.title.trim(),
      body: this.typed.body.trim(),
      location: this.typed.location.trim() || null,
      ...this.chosen,
    }
  })
  readonly isDirty: boolean = $derived(
    this.schedule.isDirty ||
      JSON.stringify(this.chosen) !== JSON.stringify(chosenOf(this.#saved)) ||
      JSON.stringify(this.typed) !== JSON.stringify(typedOf(this.#saved)),
  )

  constructor(saved: MeetingSettings) {
    this.reset(saved)
  }

  /** Begins anew from what is saved. */
  reset(saved = this.#saved): void {
    this.#saved = saved
    this.schedule.reset(saved)
    this.typed = typedOf(saved)
    this.chosen = chosenOf(saved)
  }
}

function isRight(field: NumberField, text: string): boolean {
  const { least, most, optional } = bounds[field]
  const typed = text.trim()
  if (typed === '') return optional
  return /^\d{1,6}$/.test(typed) && Number(typed) >= least && Number(typed) <= most
}

function typedOf(settings: MeetingSettings): Typed {
  const text = (field: NumberField) => settings[field]?.toString() ?? ''
  return {
    durationMinutes: text('durationMinutes'),
    stepMinutes: text('stepMinutes'),
    bufferBeforeMinutes: text('bufferBeforeMinutes'),
    bufferAfterMinutes: text('bufferAfterMinutes'),
    noticeMinutes: text('noticeMinutes'),
    daysAhead: text('daysAhead'),
    dailyMax: text('dailyMax'),
    title: settings.title,
    body: settings.body,
    location: settings.location ?? '',
  }
}

const chosenOf = ({ video, noChatsWhileBusy, reminderMinutes }: MeetingSettings): Chosen => ({
  video,
  noChatsWhileBusy,
  reminderMinutes,
})

import type { CrmActivity } from '../sdk/crm.ts'
import { dateIn } from './dates.ts'
import { asId } from './ids.ts'
import { keyIn, withoutKey } from './marks.ts'
import { instantAt, type Row, textAt } from './rows.ts'

const detailAtMost = 2_000

/** Ids of rows that are the same thing as this one: the task of an e-mail. */
export const activityIdsBehind = (row: Row): string[] =>
  [asId(row.ActivityId)].filter((id) => id !== undefined)

/** The instant of reading, and the organisation's zone, by which it dates things. */
export interface Today {
  now: Date
  timeZone: string
}

/** Pure: of a row that `activities` read. Null: it says nothing of when it was. */
export function activityFrom(type: string, row: Row, webOrigin: string, today: Today): CrmActivity | null {
  const id = asId(row.Id)
  const when = whenOf(type, row, today)
  if (!id || !when) return null
  const common = { id, ...when, sameAs: [], url: `${webOrigin}/${id}`, foyerKey: null }
  switch (type) {
    case 'EmailMessage': {
      const messageId = textAt(row, 'MessageIdentifier')
      return {
        ...common,
        kind: 'email',
        title: textAt(row, 'Subject'),
        detail: cut(textAt(row, 'TextBody')),
        // the task of it, and what other systems know the message by
        sameAs: [...activityIdsBehind(row), ...(messageId ? [`message-id:${messageId}`] : [])],
      }
    }
    case 'Task':
      return { ...common, ...written(row), kind: taskKind(row), detail: cut(taskDetail(row)) }
    case 'Event':
      return {
        ...common,
        ...written(row),
        kind: 'meeting',
        detail: cut(lines(row, 'Location', 'Description')),
      }
    case 'CampaignMember': {
      const campaign = asId(row.CampaignId)
      return {
        ...common,
        kind: 'campaign',
        title: textAt(row, 'Campaign.Name'),
        detail: cut(lines(row, 'Campaign.Type', 'Status')),
        url: campaign ? `${webOrigin}/${campaign}` : common.url,
      }
    }
    case 'Note':
      return { ...common, kind: 'note', title: textAt(row, 'Title'), detail: cut(textAt(row, 'Body')) }
    case 'ContentDocumentLink': {
      // its text is a file; the title is its first line
      const document = asId(row.ContentDocumentId) ?? id
      return {
        ...common,
        id: document,
        kind: 'note',
        title: textAt(row, 'ContentDocument.Title'),
        detail: null,
        url: `${webOrigin}/${document}`,
      }
    }
    default:
      return null
  }
}

function whenOf(type: string, row: Row, today: Today): { at: Date; isAllDay: boolean } | null {
  const instant = (path: string) => {
    const at = instantAt(row, path)
    return at && { at, isAllDay: false }
  }
  switch (type) {
    case 'EmailMessage':
      return instant('MessageDate')
    case 'Task':
      // when it was done says more than the day it was due
      return instant('CompletedDateTime') ?? day(row, today) ?? instant('CreatedDate')
    case 'Event':
      return (
        (row.IsAllDayEvent === true ? day(row, today) : null) ?? instant('StartDateTime') ?? day(row, today)
      )
    case 'ContentDocumentLink':
      return instant('ContentDocument.CreatedDate')
    default:
      return instant('CreatedDate')
  }
}

/** A date without a zone is that date everywhere: noon, so that no zone makes another day of it. */
function day(row: Row, { now, timeZone }: Today): { at: Date; isAllDay: boolean } | null {
  const date = /^\d{4}-\d\d-\d\d/.exec(textAt(row, 'ActivityDate') ?? '')?.[0]
  if (!date) return null
  const noon = new Date(`${date}T12:00:00Z`)
  const createdAt = instantAt(row, 'CreatedDate')
  // this morning's call has happened, although its noon has not; nor has that of what was said after midnight in Sydney
  const isToday = noon > now && createdAt !== null && dateIn(createdAt, timeZone) === date
  return isToday ? { at: createdAt, isAllDay: false } : { at: noon, isAllDay: true }
}

/** Foyer's own entries carry its key: in a field, else in the subject. */
function written(row: Row): Pick<CrmActivity, 'title' | 'foyerKey'> {
  const subject = textAt(row, 'Subject')
  return {
    title: subject && withoutKey(subject),
    foyerKey: textAt(row, 'Foyer_Key__c') ?? (subject && keyIn(subject)),
  }
}

function taskKind(row: Row): CrmActivity['kind'] {
  if (row.TaskSubtype === 'Email' || row.TaskSubtype === 'ListEmail') return 'email'
  return row.TaskSubtype === 'Call' || row.CallType ? 'call' : 'task'
}

function taskDetail(row: Row): string | null {
  const seconds = Number(row.CallDurationInSeconds ?? 0)
  const length = seconds > 0 ? `${Math.max(1, Math.round(seconds / 60))} min` : null
  const head = [textAt(row, 'CallType'), length, textAt(row, 'CallDisposition')].filter(Boolean).join(' · ')
  return [head, textAt(row, 'Description')].filter(Boolean).join('\n') || null
}

const lines = (row: Row, ...paths: string[]) =>
  paths
    .map((path) => textAt(row, path))
    .filter(Boolean)
    .join('\n') || null

/** Never in the middle of a character. */
function cut(text: string | null): string | null {
  if (text === null || text.length <= detailAtMost) return text
  return `${text.slice(0, detailAtMost - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

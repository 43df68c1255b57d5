import { calendarQuery } from 'tsdav'
import type { Connection } from '../sdk/contract.ts'
import { ConnectorError, ProviderAnswerError } from '../sdk/errors.ts'
import { textOf } from './discovery.ts'
import { fetchOf } from './server.ts'

export interface StoredObject {
  href: string
  etag: string | null
  text: string
}

const stamp = (instant: Date) => instant.toISOString().replaceAll(/[-:]|\.\d+/g, '')

/** Every object with an event that may touch this stretch of time: RFC 4791 7.8. Its repetitions are for us to work out. */
export async function objectsBetween(
  connection: Connection,
  calendarId: string,
  from: Date,
  to: Date,
): Promise<StoredObject[]> {
  const range = { _attributes: { start: stamp(from), end: stamp(to) } }
  const answer = await asked(() =>
    calendarQuery({
      url: calendarId,
      props: { 'd:getetag': {}, 'c:calendar-data': {} },
      filters: {
        'comp-filter': {
          _attributes: { name: 'VCALENDAR' },
          'comp-filter': { _attributes: { name: 'VEVENT' }, 'time-range': range },
        },
      },
      depth: '1',
      fetch: fetchOf(connection),
    }),
  )
  return answer.flatMap(({ href, props }) => {
    if (!href) return []
    const text = textOf(props?.calendarData)
    if (text === '') throw new ProviderAnswerError('The server lists an event that it does not show.')
    return [{ href: new URL(href, calendarId).href, etag: textOf(props?.getetag) || null, text }]
  })
}

/** tsdav's own errors quote what came. */
export async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ConnectorError || (error as Error).name === 'AbortError') throw error
    throw new ProviderAnswerError('The server’s answer is not what CalDAV has.')
  }
}

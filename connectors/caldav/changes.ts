import { syncCollection } from 'tsdav'
import type { ChangedEvent } from '../sdk/calendar.ts'
import type { Connection } from '../sdk/contract.ts'
import {
  CursorExpiredError,
  ProviderAnswerError,
  ProviderConflictError,
  ProviderForbiddenError,
  ProviderRejectedError,
} from '../sdk/errors.ts'
import { textOf } from './discovery.ts'
import { asked } from './query.ts'
import { fetchOf } from './server.ts'

/** RFC 6578. The feed names files; those that Foyer made are named by their ids, and what became of them is read. */
export async function changes(
  connection: Connection,
  calendarId: string,
  cursor: string | null,
): Promise<{ changes: ChangedEvent[]; cursor: string; done: boolean }> {
  const answer = await asked(() =>
    syncCollection({
      url: calendarId,
      props: { 'd:getetag': {} },
      syncLevel: 1,
      ...(cursor === null ? {} : { syncToken: cursor }),
      fetch: fetchOf(connection),
    }),
  ).catch((error: unknown) => {
    // RFC 6578 3.2: 403 with valid-sync-token; servers also say 409 or 412
    const isRefused =
      error instanceof ProviderForbiddenError ||
      error instanceof ProviderConflictError ||
      error instanceof ProviderRejectedError
    if (cursor !== null && isRefused)
      throw new CursorExpiredError('The server does not tell any more what was changed since we asked last.')
    throw error
  })
  const token = textOf(answer[0]?.raw?.multistatus?.syncToken)
  if (token === '')
    throw new ProviderAnswerError('The server does not tell what changes: it has no sync-collection.')
  const changed = answer.flatMap(({ href }) => {
    const name = href && decodeURIComponent(new URL(href, calendarId).pathname.split('/').at(-1) ?? '')
    return name ? [{ id: name.replace(/\.ics$/, ''), event: null }] : []
  })
  // 507: it was cut, and goes on from the token
  const isCut = answer.some(({ status }) => status === 507)
  return { changes: cursor === null ? [] : changed, cursor: token, done: !isCut }
}

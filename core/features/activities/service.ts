import { sql } from 'kysely'
import { z } from 'zod'
import type { ActivityKind, ActivityPage } from '../../contracts/visitors.ts'
import { readPlace, writePlace } from '../../db/cursor.ts'
import { NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import type { Viewer } from '../conversations/visibility.ts'
import { visitorVisibleTo } from '../visitors/visibility.ts'
import { historyMs } from './history.ts'
import { readActivities } from './repository.ts'

const pageSize = 50

const CursorPlace = z.tuple([
  z.int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  z.string().regex(/^((visit|chat|meeting|record):[0-9a-f-]{36}|crm:[^\0]{1,300})$/),
])

/**
 * What happened with a visitor in the last 90 × 24 h: nothing older, that instant included, and nothing newer than now.
 * @throws {NotFoundError} also when the visitor is not the viewer's to see
 * @throws {InvalidInputError} for a cursor that is none
 */
export async function listActivities(
  { db, clock }: Services,
  viewer: Viewer,
  visitorId: string,
  { cursor, kind }: { cursor?: string; kind?: ActivityKind },
): Promise<ActivityPage> {
  const now = clock.now()
  const { rows } = await sql`
    select from visitors v where v.id = ${visitorId} and ${visitorVisibleTo(viewer, now)}`.execute(db)
  if (rows.length === 0) throw new NotFoundError('visitor')

  const [micros, id] = cursor === undefined ? [] : readPlace(CursorPlace, cursor)
  const { activities, places } = await readActivities(db, viewer, {
    visitorId,
    from: new Date(now.getTime() - historyMs),
    to: now,
    before: micros === undefined || id === undefined ? null : { micros, id },
    kind,
    limit: pageSize + 1,
  })
  const last = places[pageSize - 1]
  return {
    activities: activities.slice(0, pageSize),
    nextCursor: activities.length > pageSize && last ? writePlace(last.micros, last.id) : null,
  }
}

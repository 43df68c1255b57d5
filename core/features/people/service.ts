import { z } from 'zod'
import { Id } from '../../contracts/common.ts'
import type { PersonPage } from '../../contracts/visitors.ts'
import { badCursor, readPlace, writePlace } from '../../db/cursor.ts'
import type { Db } from '../../db/pool.ts'
import { columns, headings, toCell } from './columns.ts'
import * as people from './repository.ts'

const pageSize = 50

/** The directory in the order of names. @throws {InvalidInputError} for a cursor that is none */
export async function listPeople(
  db: Db,
  { query = '', cursor }: { query?: string; cursor?: string },
): Promise<PersonPage> {
  const [after] = cursor === undefined ? [null] : readPlace(z.tuple([Id]), cursor)
  if (after !== null && !(await people.exists(db, after))) throw badCursor()
  // text in the database has no NUL, so nothing could match it
  const text = query.replaceAll('\0', ' ')
  const rows = await people.readPage(db, { query: text, after, limit: pageSize + 1 })
  const page = rows.slice(0, pageSize)
  const last = page.at(-1)
  return {
    people: page,
    total: await people.count(db, text),
    nextCursor: rows.length > pageSize && last ? writePlace(last.id) : null,
  }
}

/** The whole directory as a CSV file that an import takes back unchanged, and a spreadsheet opens without running it. */
export async function* exportPeople(db: Db): AsyncGenerator<string> {
  // the mark makes spreadsheets read it as UTF-8
  yield `\uFEFF${columns.map((column) => headings[column]).join(',')}\r\n`
  for await (const batch of people.readAll(db)) {
    yield batch
      .map(({ ownerEmail, ...person }) => {
        const values = { ...person, owner: ownerEmail }
        return `${columns.map((column) => toCell(values[column])).join(',')}\r\n`
      })
      .join('')
  }
}

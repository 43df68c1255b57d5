import { sql } from 'kysely'
import type { FoundWords } from '../../contracts/conversations.ts'
import type { Db } from '../../db/pool.ts'
import { searchedWords } from './words.ts'

/** Lines of one chat that are looked through, newest first: what was said long before is found, but not quoted. */
const linesLooked = 500
/** Characters around the word. */
const before = 32
const after = 160

/** Of each of these chats the newest line with the most of the words of `query`, cut to what a row of a list can show.
 *  Chats found by who the visitor is may have none. */
export async function quotesOf(db: Db, ids: string[], query: string): Promise<Record<string, FoundWords>> {
  const words = searchedWords(query)
  if (ids.length === 0 || words.length === 0) return {}
  const { rows } = await sql<{ id: string; text: string }>`
    select c.id, hit.text from unnest(${ids}::uuid[]) as c (id), lateral (
      select e.text, e.seq, (select count(*) from unnest(${words}::text[]) as w (word)
                             where strpos(lower(normalize(e.text, nfkc)), w.word) > 0) as words
      from (select text, seq from entries where conversation_id = c.id and kind = 'message'
            order by seq desc limit ${sql.lit(linesLooked)}) e
      order by words desc, e.seq desc limit 1
    ) hit where hit.words > 0`.execute(db)
  return Object.fromEntries(
    rows.flatMap(({ id, text }) => {
      const found = quote(text, words)
      return found ? [[id, found]] : []
    }),
  )
}

/** Around the first of the words that is there. */
function quote(text: string, words: string[]): FoundWords | null {
  const line = text.normalize('NFKC').replaceAll(/\s+/g, ' ').trim()
  const places = words
    .map((word) => ({ word, at: line.toLowerCase().indexOf(word) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at || b.word.length - a.word.length)
  const first = places[0]
  if (!first) return null
  const from = first.at <= before ? 0 : line.indexOf(' ', first.at - before) + 1
  // a long run without a blank has no place to begin but the word itself
  const start = from > first.at || (from === 0 && first.at > before) ? first.at : from
  const end = first.at + first.word.length
  const rest = line.slice(end, end + after)
  return {
    before: `${start > 0 ? '…' : ''}${line.slice(start, first.at)}`.toWellFormed(),
    word: line.slice(first.at, end).toWellFormed(),
    after: `${rest}${line.length > end + after ? '…' : ''}`.toWellFormed(),
  }
}

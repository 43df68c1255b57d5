import { setImmediate } from 'node:timers/promises'
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import { knownEmail } from '../visitors/repository.ts'
import { portionsOf, queryOf } from './words.ts'

const sliceSize = 250_000
const maxMatches = 50

/**
 * The newest conversations, at most 50, whose visitor's name, e-mail or company holds `query`, or in which all of its
 * words were said at about the same time. Words are looked up slice by slice, newest first, so that a word nobody wrote costs a few
 * index look-ups instead of a walk over everything (PERFORMANCE: 1,585 ms against 1 to 20).
 * @param where what may be found: a condition over `c` (conversations).
 */
export async function findMatches(db: Db, query: string, where: RawBuilder<unknown>): Promise<string[]> {
  const [people, words] = await Promise.all([findByVisitor(db, query, where), findByWords(db, query, where)])
  return [...new Set([...people, ...words])]
}

async function findByVisitor(db: Db, query: string, where: RawBuilder<unknown>): Promise<string[]> {
  const pattern = `%${query.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
  const { rows } = await sql<{ id: string }>`
    select c.id from visitors v join conversations c on c.visitor_id = v.id
    where (lower(coalesce(v.name, '') || ' ' || coalesce(v.email, '') || ' ' || coalesce(v.company, '')) like ${pattern}
           or (v.corrections <> '{}'
               and lower(coalesce(v.corrections ->> 'name', '') || ' ' || coalesce(v.corrections ->> 'email', '') || ' ' ||
                         coalesce(v.corrections ->> 'company', '')) like ${pattern})
           or ${knownEmail()} in (select p.email from people p
                                  where lower(coalesce(p.name, '') || ' ' || p.email || ' ' || coalesce(p.company, '')) like ${pattern} limit 500))
      and ${where}
    order by c.last_at desc limit ${maxMatches}`.execute(db)
  return rows.map(({ id }) => id)
}

async function findByWords(db: Db, query: string, where: RawBuilder<unknown>): Promise<string[]> {
  const words = queryOf(query)
  if (!words) return []
  const { rows: heads } = await sql<{
    newest: number
  }>`select coalesce(max(id), 0) as newest from search_documents`.execute(db)
  const found: string[] = []
  for (
    let slice = Math.trunc((heads[0]?.newest ?? 0) / sliceSize);
    slice >= 0 && found.length < maxMatches;
    slice--
  ) {
    const { rows } = await sql<{ id: string }>`
      select c.id from (
        select conversation_id, max(d.id) as newest from search_documents d
        where (d.id / ${sql.lit(sliceSize)})::int = ${slice} and d.words @@ ${words}::tsquery
        group by conversation_id
      ) hit join conversations c on c.id = hit.conversation_id
      where ${where} order by hit.newest desc limit ${maxMatches}`.execute(db)
    found.push(...rows.map(({ id }) => id))
  }
  return found
}

/** Messages taken at once: enough to be cheap, few enough not to keep the process from answering. */
const atOnce = 2_000
/** Lines a document: what one word's row in the index can be narrowed down to. */
const linesADocument = 20
const longestTurnMs = 20

/** Takes what was said since the last time into the index. A row of the backlog goes in the transaction that indexes
 *  it, so parallel and broken-off calls neither lose nor double anything. A group that PostgreSQL refuses is left out
 *  after a try by itself, so that nothing anybody says keeps the rest from being found.
 *  @returns whether more may be waiting. */
export async function indexBacklog({ db, log }: Pick<Services, 'db' | 'log'>): Promise<boolean> {
  try {
    return await indexGroups(db, 500)
  } catch (error) {
    if (!isRefusal(error)) throw error
  }
  return indexGroups(db, 1).catch(async (error: unknown) => {
    if (!isRefusal(error)) throw error
    await sql`
      delete from search_backlog where id in (
        select id from search_backlog order by id limit 1 for update skip locked)`.execute(db)
    log.error({ code: error.code }, 'A group of messages cannot be indexed and will not be found')
    return true
  })
}

/** PostgreSQL says that the data is wrong (22), breaks a rule (23) or a limit (54), as opposed to being unable now.
 *  https://www.postgresql.org/docs/18/errcodes-appendix.html */
const isRefusal = (error: unknown): error is { code: string } =>
  /^(22|23|54|P0)/.test((error as { code?: string } | null)?.code ?? '')

/** @param groups how many rows of the backlog at most. */
function indexGroups(db: Db, groups: number): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ conversationId: string; part: number; text: string; mayBeMore: boolean }>`
      with next as (
        select id, sum(cardinality(seqs)) over (order by id) as lines, row_number() over (order by id) as place
        from (select id, seqs from search_backlog order by id limit ${groups} for update skip locked) b
      ), taken as (
        delete from search_backlog where id in (select id from next where lines <= ${atOnce} or place = 1)
        returning conversation_ids, seqs
      )
      select e.conversation_id, e.seq / ${linesADocument} as part, string_agg(e.text, ' ') as text,
             (select count(*) from next) > (select count(*) from taken) or ${groups} = 1 as may_be_more
      from taken, unnest(taken.conversation_ids, taken.seqs) as line (conversation_id, seq)
      join entries e on e.conversation_id = line.conversation_id and e.seq = line.seq
      where e.text is not null
      group by e.conversation_id, part`.execute(tx)
    const documents: [conversationId: string, words: string][] = []
    let since = performance.now()
    for (const { conversationId, text } of rows) {
      for (const words of portionsOf(text)) documents.push([conversationId, words])
      // the longest lines somebody can think of take 0.4 s a document, and others want answers meanwhile
      if (performance.now() - since < longestTurnMs) continue
      await setImmediate()
      since = performance.now()
    }
    await sql`
      insert into search_documents (conversation_id, words)
      select (d ->> 0)::uuid, array_to_tsvector(string_to_array(d ->> 1, ' '))
      from jsonb_array_elements(${JSON.stringify(documents)}::jsonb) d`.execute(tx)
    return rows[0]?.mayBeMore ?? false
  })
}

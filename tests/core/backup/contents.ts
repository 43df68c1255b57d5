import { createPool } from '#core/db/pool.ts'

/** What a database holds, table by table: how many rows, and a sum over all of them in no particular order. */
export async function contentsOf(
  databaseUrl: string,
  without: string[] = [],
): Promise<Record<string, { rows: number; sum: string | null }>> {
  const pool = createPool(databaseUrl, 1, 'contents')
  try {
    const { rows: tables } = await pool.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
         and relname not like 'kysely%' order by 1`,
    )
    const contents: Record<string, { rows: number; sum: string | null }> = {}
    for (const { name } of tables.filter((table) => !without.includes(table.name))) {
      const { rows } = await pool.query<{ rows: number; sum: string | null }>(
        `select count(*)::int as rows, md5(string_agg(row::text, '|' order by row::text)) as sum from "${name}" row`,
      )
      if (rows[0]) contents[name] = rows[0]
    }
    return contents
  } finally {
    await pool.end()
  }
}

/** Every conversation is whole: lines 1 to its last one, and no line without a conversation. */
export async function brokenConversations(databaseUrl: string): Promise<unknown[]> {
  const pool = createPool(databaseUrl, 1, 'invariants')
  try {
    const { rows } = await pool.query(`
      select coalesce(c.id, e.conversation_id) as id, c.last_seq, e.lines, e.first, e.last from conversations c
      full join (select conversation_id, count(*)::int as lines, min(seq) as first, max(seq) as last from entries group by 1) e
        on e.conversation_id = c.id
      where c.id is null or c.last_seq <> coalesce(e.lines, 0) or e.first <> 1 or e.last <> c.last_seq
        or c.last_text is distinct from (select left(text, 200) from entries m
             where m.conversation_id = c.id and m.kind = 'message' order by seq desc limit 1)`)
    return rows
  } finally {
    await pool.end()
  }
}

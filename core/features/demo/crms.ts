import { sql } from 'kysely'
import type { Services } from '../../services.ts'
import { connectByItself } from '../connections/oauth.ts'
import { describeConnection } from '../connections/probe.ts'
import { createConnection } from '../connections/service.ts'

/** A vendor that runs beside the demo, to be connected as an admin would do it. */
export interface SampleCrm {
  connector: string
  clientId: string
  clientSecret: string
  agree(authorizeUrl: string): Promise<string>
}

/** Connects each of them at the first start. What an admin did since stays as it is: disconnected is disconnected. */
export async function connectSampleCrms(services: Services, crms: readonly SampleCrm[]): Promise<void> {
  for (const { connector, clientId, clientSecret, agree } of crms) {
    // there is nothing of an agent's calendar that an admin could agree to
    if (!services.connectors.get(connector)?.crm) continue
    const { rows } = await sql<{ id: string; isUnfinished: boolean }>`
      select id, state = 'connecting' and connected_at is null as is_unfinished from connections where connector = ${connector}`.execute(
      services.db,
    )
    const [known] = rows
    if (known && !(known.isUnfinished && rows.length === 1)) continue
    const adminId = await firstAdmin(services)
    const given = { connector, clientId, clientSecret, settings: {} }
    const id = known?.id ?? (await createConnection(services, adminId, given)).id
    await connectByItself(services, adminId, id, agree)
    await describeConnection(services, id)
  }
}

export async function firstAdmin({ db }: Services): Promise<string> {
  const { rows } = await sql<{
    id: string
  }>`select id from agents where profile = 'admin' order by created_at, id limit 1`.execute(db)
  if (!rows[0]) throw new Error('The sample data has no admin')
  return rows[0].id
}

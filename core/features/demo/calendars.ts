import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import { WriteBackRules } from '../../contracts/connections.ts'
import { change, type Services } from '../../services.ts'
import { connectByItself } from '../connections/oauth.ts'
import { insertConnection } from '../connections/repository.ts'
import { createConnection } from '../connections/service.ts'
import { firstAdmin, type SampleCrm } from './crms.ts'

const agentEmail = 'dana@foyer.test'

/** Enters the app of each provider of calendars, and connects Dana's, at the first start. What they did since stays as it is. */
export async function connectSampleCalendars(
  services: Services,
  vendors: readonly SampleCrm[],
): Promise<void> {
  for (const { connector, clientId, clientSecret, agree } of vendors) {
    if (!services.connectors.get(connector)?.calendar) continue
    const { rows } = await sql`select from connections where connector = ${connector}`.execute(services.db)
    const { rows: agents } = await sql<{ id: string }>`
      select id from agents where email = ${agentEmail}`.execute(services.db)
    const agentId = agents[0]?.id
    if (rows.length > 0 || agentId === undefined) continue
    const app = { connector, clientId, clientSecret, settings: {} }
    await createConnection(services, await firstAdmin(services), app)
    const id = randomUUIDv7()
    const row = {
      id,
      connector,
      settings: {},
      clientId,
      mapping: {},
      writeBack: WriteBackRules.parse({}),
      agentId,
    }
    await change(services, ({ tx, now }) => insertConnection(tx, now, row))
    await connectByItself(services, agentId, id, agree)
  }
}

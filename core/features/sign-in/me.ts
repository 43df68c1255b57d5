import { sql } from 'kysely'
import type { Me, Profile } from '../../contracts/agents.ts'
import { NotSignedInError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { permissionsOfAgent } from '../agents/permissions.ts'
import { describeAvailability } from '../availability/service.ts'
import { canMail } from '../conversations/letters.ts'
import { readPreferences } from './routes.ts'
import { socketTokenOf } from './tokens.ts'

export async function describeMe(services: Services, agentId: string, sessionToken: string): Promise<Me> {
  const { rows } = await sql<{
    id: string
    email: string
    name: string
    profile: Profile
    supervises: boolean
    preferences: unknown
    organisation: string
    timeZone: string
    isSample: boolean
  }>`
    select a.id, a.email, a.name, a.profile, a.supervises, a.preferences, o.name as organisation, o.time_zone,
           exists (select from sites where key = 'demo') as is_sample
    from agents a, organisation o where a.id = ${agentId}`.execute(services.db)
  const row = rows[0]
  if (!row) throw new NotSignedInError()
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    profile: row.profile,
    permissions: permissionsOfAgent(row),
    organisation: {
      name: row.organisation,
      timeZone: row.timeZone,
      sampleSite: row.isSample ? '/demo' : null,
    },
    availability: await describeAvailability(services.db, services.clock.now(), agentId),
    preferences: readPreferences(row.preferences, row.profile),
    socketToken: socketTokenOf(sessionToken),
    cap: services.settings.agentCap,
    canMail: canMail(services),
  }
}

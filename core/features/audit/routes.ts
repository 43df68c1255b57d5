import { z } from 'zod'
import type { Api } from '../../app.ts'
import { AuditPage } from '../../contracts/agents.ts'
import { Cursor } from '../../contracts/common.ts'
import { listAudit } from './audit.ts'

export async function auditRoutes(app: Api): Promise<void> {
  app.get(
    '/audit-log',
    {
      preHandler: app.requires('audit.view'),
      config: { access: 'audit.view' },
      schema: { querystring: z.object({ cursor: Cursor.optional() }), response: { 200: AuditPage } },
    },
    ({ query }) => listAudit(app.services.db, query.cursor),
  )
}

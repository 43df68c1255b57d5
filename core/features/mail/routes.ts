import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import { UnsentMailList } from '../../contracts/operation.ts'
import { NotFoundError } from '../../errors.ts'
import { change } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { listUnsent, resendMail } from './mail.ts'

export async function unsentMailRoutes(app: Api): Promise<void> {
  const { services } = app
  const preHandler = app.requires('jobs.manage')
  const config = { access: 'jobs.manage' } as const

  app.get(
    '/unsent-mail',
    { preHandler, config, schema: { response: { 200: UnsentMailList } } },
    async () => ({
      unsentMail: (await listUnsent(services.db)).map(
        ({ id, toAddress, subject, createdAt, unsentBecause }) => ({
          id,
          to: toAddress,
          subject,
          createdAt: createdAt.toISOString(),
          unsentBecause,
        }),
      ),
    }),
  )

  app.post(
    '/unsent-mail/:id/retry',
    { preHandler, config, schema: { params: z.object({ id: Id }), response: { 204: z.null() } } },
    async ({ params: { id }, agent }, reply) => {
      await change(services, async ({ tx, now, after }) => {
        if (!(await resendMail(tx, services.clock, id))) throw new NotFoundError('mail that was given up')
        await audit(tx, {
          now,
          actorId: agent.id,
          action: 'mail.retried',
          objectType: 'mail',
          objectId: id,
        })
        after(services.wakeJobs)
      })
      return reply.status(204).send(null)
    },
  )
}

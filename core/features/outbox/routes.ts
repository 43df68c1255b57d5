import { z } from 'zod'
import type { Api } from '../../app.ts'
import { JobFailureList, JobId } from '../../contracts/operation.ts'
import { NotFoundError } from '../../errors.ts'
import { change } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { listDead, retryDead } from './outbox.ts'

export async function jobFailureRoutes(app: Api): Promise<void> {
  const { services } = app
  const preHandler = app.requires('jobs.manage')
  const config = { access: 'jobs.manage' } as const

  app.get(
    '/job-failures',
    { preHandler, config, schema: { response: { 200: JobFailureList } } },
    async () => ({
      jobFailures: (await listDead(services.db)).map(({ lastError, createdAt, finishedAt, ...job }) => ({
        ...job,
        error: lastError,
        createdAt: createdAt.toISOString(),
        failedAt: finishedAt.toISOString(),
      })),
    }),
  )

  app.post(
    '/job-failures/:id/retry',
    { preHandler, config, schema: { params: z.object({ id: JobId }), response: { 204: z.null() } } },
    async ({ params: { id }, agent }, reply) => {
      await change(services, async ({ tx, now, after }) => {
        if (!(await retryDead(tx, services.clock, id))) throw new NotFoundError('failed job')
        await audit(tx, {
          now,
          actorId: agent.id,
          action: 'job.retried',
          objectType: 'job',
          objectId: String(id),
        })
        after(services.wakeJobs)
      })
      return reply.status(204).send(null)
    },
  )
}

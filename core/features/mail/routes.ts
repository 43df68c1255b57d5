import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import { MailSettings, MailTest, MailTestSent, SaveMailSettings } from '../../contracts/mail.ts'
import { UnsentMailList } from '../../contracts/operation.ts'
import { NotFoundError } from '../../errors.ts'
import { change } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { ifMatch } from '../content-version.ts'
import { listUnsent, resendMail } from './mail.ts'
import { queueTest, readMailSettings, readTest, saveMailSettings } from './settings.ts'

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

export async function mailSettingsRoutes(app: Api): Promise<void> {
  const { services } = app
  const preHandler = app.requires('mail.manage')
  const config = { access: 'mail.manage' } as const

  app.get('/mail-settings', { preHandler, config, schema: { response: { 200: MailSettings } } }, () =>
    readMailSettings(services.db, services.config),
  )

  app.put(
    '/mail-settings',
    { preHandler, config, schema: { body: SaveMailSettings, response: { 200: MailSettings } } },
    ({ body, agent, headers }) => saveMailSettings(services, agent.id, body, ifMatch(headers['if-match'])),
  )

  app.post(
    '/mail-settings/tests',
    { preHandler, config, schema: { response: { 202: MailTestSent } } },
    async ({ agent }, reply) =>
      reply.status(202).send(await change(services, (change) => queueTest(services, change, agent))),
  )

  app.get(
    '/mail-settings/tests/:id',
    { preHandler, config, schema: { params: z.object({ id: Id }), response: { 200: MailTest } } },
    ({ params, agent }) => readTest(services.db, agent.email, params.id),
  )
}

import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Api } from '../../app.ts'
import {
  Account,
  AccountPage,
  CrmUserList,
  ListAccounts,
  SaveAccount,
  SetCrmUser,
} from '../../contracts/accounts.ts'
import { Id } from '../../contracts/common.ts'
import { ImportResult } from '../../contracts/visitors.ts'
import { FoyerError } from '../../errors.ts'
import { change } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { ifMatch } from '../content-version.ts'
import { maxFileBytes } from '../people/csv.ts'
import { listCrmUsers, setCrmUser } from './crm-users.ts'
import { importAccounts } from './import.ts'
import { createAccount, deleteAccount, exportAccounts, listAccounts, saveAccount } from './service.ts'

const params = z.object({ id: Id })
const config = { access: 'accounts.manage' } as const

export async function accountRoutes(app: Api): Promise<void> {
  const { services } = app
  const preHandler = app.requires('accounts.manage')
  const guarded = { config, preHandler }

  app.get(
    '/accounts',
    { ...guarded, schema: { querystring: ListAccounts, response: { 200: AccountPage } } },
    ({ query }) => listAccounts(services.db, query),
  )

  app.post(
    '/accounts',
    { ...guarded, schema: { body: SaveAccount, response: { 201: Account } } },
    async ({ body, agent }, reply) => reply.status(201).send(await createAccount(services, agent.id, body)),
  )

  app.put(
    '/accounts/:id',
    { ...guarded, schema: { params, body: SaveAccount, response: { 200: Account } } },
    ({ params, body, agent, headers }) =>
      saveAccount(services, agent.id, params.id, body, ifMatch(headers['if-match'])),
  )

  app.delete(
    '/accounts/:id',
    { ...guarded, schema: { params, response: { 204: z.null() } } },
    async ({ params, agent }, reply) => {
      await deleteAccount(services, agent.id, params.id)
      return reply.status(204).send(null)
    },
  )

  app.get(
    '/accounts/export.csv',
    { ...guarded, config: { ...config, gives: 'text/csv' }, schema: {} },
    async (request, reply) => {
      await change(services, ({ tx, now }) =>
        audit(tx, { now, actorId: request.agent.id, action: 'accounts.exported', objectType: 'accounts' }),
      )
      reply
        .header('content-disposition', 'attachment; filename="accounts.csv"')
        .type('text/csv; charset=utf-8')
      return reply.send(Readable.from(exportAccounts(services.db), { objectMode: false }))
    },
  )

  app.get('/crm-users', { ...guarded, schema: { response: { 200: CrmUserList } } }, async () => ({
    users: await listCrmUsers(services.db),
  }))

  app.put(
    '/crm-users',
    { ...guarded, schema: { body: SetCrmUser, response: { 200: CrmUserList } } },
    async ({ body, agent, headers }) => {
      await setCrmUser(services, agent.id, body, ifMatch(headers['if-match']))
      return { users: await listCrmUsers(services.db) }
    },
  )

  await app.register(importRoutes)
}

/** In a scope of its own: no other route takes CSV, or a body of this size. */
async function importRoutes(app: Api): Promise<void> {
  app.removeAllContentTypeParsers()
  // handed on as it comes; readCsv counts the bytes
  app.addContentTypeParser('text/csv', { bodyLimit: maxFileBytes }, (_request, body, done) =>
    done(null, body),
  )
  app.addContentTypeParser('*', (_request, _body, done) => done(null, null))

  app.post(
    '/accounts/import',
    {
      preHandler: app.requires('accounts.manage'),
      config: { ...config, takes: 'text/csv' },
      bodyLimit: maxFileBytes,
      schema: { response: { 200: ImportResult } },
    },
    ({ body, headers, agent }) => {
      if (Number(headers['content-length'] ?? 0) > maxFileBytes)
        throw new FoyerError(413, 'too_large', 'A file has at most 20 MB. Split it into several.')
      if (!(body instanceof Readable))
        throw new FoyerError(415, 'wrong_media_type', 'Send the file itself, with content-type text/csv.')
      return importAccounts(app.services, agent.id, body)
    },
  )
}

import { Readable } from 'node:stream'
import type { Api } from '../../app.ts'
import { ImportResult, ListPeople, PersonPage } from '../../contracts/visitors.ts'
import { FoyerError } from '../../errors.ts'
import { change } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { maxFileBytes } from './csv.ts'
import { importPeople } from './import.ts'
import { exportPeople, listPeople } from './service.ts'

export async function peopleRoutes(app: Api): Promise<void> {
  const { services } = app

  app.get(
    '/people',
    {
      preHandler: app.requires('people.view'),
      config: { access: 'people.view' },
      schema: { querystring: ListPeople, response: { 200: PersonPage } },
    },
    ({ query }) => listPeople(services.db, query),
  )

  app.get(
    '/people/export.csv',
    {
      // all addresses at once are for those who may also replace them
      preHandler: app.requires('people.import'),
      config: { access: 'people.import', gives: 'text/csv' },
      schema: {},
    },
    async (request, reply) => {
      await change(services, ({ tx, now }) =>
        audit(tx, { now, actorId: request.agent.id, action: 'people.exported', objectType: 'people' }),
      )
      reply.header('content-disposition', 'attachment; filename="people.csv"').type('text/csv; charset=utf-8')
      return reply.send(Readable.from(exportPeople(services.db), { objectMode: false }))
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
    '/people/import',
    {
      preHandler: app.requires('people.import'),
      config: { access: 'people.import', takes: 'text/csv' },
      bodyLimit: maxFileBytes,
      schema: { response: { 200: ImportResult } },
    },
    ({ body, headers, agent }) => {
      if (Number(headers['content-length'] ?? 0) > maxFileBytes)
        throw new FoyerError(413, 'too_large', 'A file has at most 20 MB. Split it into several.')
      if (!(body instanceof Readable))
        throw new FoyerError(415, 'wrong_media_type', 'Send the file itself, with content-type text/csv.')
      return importPeople(app.services, agent.id, body)
    },
  )
}

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import { CreateSite, SaveSite, Site, SiteList } from '../../contracts/sites.ts'
import { ifMatch } from '../content-version.ts'
import { createSite, listSites, saveSite } from './service.ts'

export async function siteRoutes(app: Api): Promise<void> {
  const { services } = app
  const { config } = services
  /** The widget's own origin, else Foyer's, else the one the admin is looking at. */
  const scriptAddress = (request: FastifyRequest) =>
    config.widgetUrl ?? config.publicUrl ?? `${request.protocol}://${request.host}`

  app.get(
    '/sites',
    {
      preHandler: app.requires('sites.view'),
      config: { access: 'sites.view' },
      schema: { response: { 200: SiteList } },
    },
    async (request) => ({ sites: await listSites(services, scriptAddress(request)) }),
  )

  app.post(
    '/sites',
    {
      preHandler: app.requires('sites.manage'),
      config: { access: 'sites.manage' },
      schema: { body: CreateSite, response: { 201: Site } },
    },
    async (request, reply) =>
      reply
        .status(201)
        .send(await createSite(services, request.agent.id, request.body, scriptAddress(request))),
  )

  app.put(
    '/sites/:id',
    {
      preHandler: app.requires('sites.manage'),
      config: { access: 'sites.manage' },
      schema: { params: z.object({ id: Id }), body: SaveSite, response: { 200: Site } },
    },
    (request) =>
      saveSite(
        services,
        request.agent.id,
        request.params.id,
        request.body,
        scriptAddress(request),
        ifMatch(request.headers['if-match']),
      ),
  )
}

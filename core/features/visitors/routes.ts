import { z } from 'zod'
import type { Api } from '../../app.ts'
import { Id } from '../../contracts/common.ts'
import { CorrectVisitor, Visitor } from '../../contracts/visitors.ts'
import { correctVisitor, readVisitor, refreshVisitor } from './service.ts'

const VisitorParams = z.object({ id: Id })

export async function visitorRoutes(app: Api): Promise<void> {
  const { services } = app

  app.get(
    '/visitors/:id',
    {
      preHandler: app.requires('visitors.view'),
      config: { access: 'visitors.view' },
      schema: { params: VisitorParams, response: { 200: Visitor } },
    },
    ({ params, agent }) => readVisitor(services.db, services.clock.now(), agent, params.id),
  )

  app.patch(
    '/visitors/:id',
    {
      preHandler: app.requires('visitors.edit'),
      config: { access: 'visitors.edit' },
      schema: { params: VisitorParams, body: CorrectVisitor, response: { 200: Visitor } },
    },
    ({ params, body, agent }) => correctVisitor(services, agent, params.id, body),
  )

  app.post(
    '/visitors/:id/refresh',
    {
      preHandler: app.requires('visitors.view'),
      config: { access: 'visitors.view' },
      schema: { params: VisitorParams, response: { 200: Visitor } },
    },
    ({ params, agent }) => refreshVisitor(services, agent, params.id),
  )
}

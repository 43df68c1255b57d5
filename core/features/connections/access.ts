import type { FastifyRequest } from 'fastify'
import type { Api } from '../../app.ts'
import { NotFoundError } from '../../errors.ts'
import { findConnection } from './repository.ts'

/** Whoever looks at connections, and whoever changes them. What is an agent's own is not the admins' to see. */
export function connectionAccess(app: Api) {
  const ofAll = async ({ params }: FastifyRequest) => {
    const { id } = params as { id?: string }
    if (id !== undefined && (await findConnection(app.services.db, id))?.agentId)
      throw new NotFoundError('connection')
  }
  return {
    read: {
      preHandler: [app.requires('connections.read'), ofAll],
      config: { access: 'connections.read' as const },
    },
    manage: {
      preHandler: [app.requires('connections.manage'), ofAll],
      config: { access: 'connections.manage' as const },
    },
  }
}

import type { Api } from '../../app.ts'

/** Whoever looks at connections, and whoever changes them. */
export const connectionAccess = (app: Api) =>
  ({
    read: { preHandler: app.requires('connections.read'), config: { access: 'connections.read' } },
    manage: { preHandler: app.requires('connections.manage'), config: { access: 'connections.manage' } },
  }) as const

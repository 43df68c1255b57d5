import type { SiteRoute } from '../../contracts/sites.ts'

/** The columns of `sites` that its route is kept in. */
export interface StoredRoute {
  route: SiteRoute['by']
  routeAgentId: string | null
  routeTeamId: string | null
}

/** A route without what it names is round robin. */
export function toRoute({ route, routeAgentId, routeTeamId }: StoredRoute): SiteRoute {
  if (route === 'agent' && routeAgentId) return { by: 'agent', agentId: routeAgentId }
  if (route === 'team' && routeTeamId) return { by: 'team', teamId: routeTeamId }
  return route === 'rules' ? { by: 'rules' } : { by: 'round_robin' }
}

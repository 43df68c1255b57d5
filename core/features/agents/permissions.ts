import type { Permission, Profile } from '../../contracts/agents.ts'

/** Who may do what: one table, read by the server for every route and frame, and sent to the browser in /me so that
 *  it draws only what will work. */
const table: Record<Permission, readonly Profile[]> = {
  'conversations.view': ['admin', 'live_agent'],
  'conversations.reply': ['admin', 'live_agent'],
  // Of no profile: an active chat belongs to its agent, whoever else is in charge. An admin gives it to single people.
  'conversations.supervise': [],
  'visitors.view': ['admin', 'live_agent'],
  'visitors.edit': ['admin', 'live_agent'],
  'people.view': ['admin', 'live_agent'],
  'people.import': ['admin'],
  'agents.view': ['admin', 'live_agent'],
  'agents.manage': ['admin'],
  'availability.manage': ['admin', 'live_agent'],
  'calendars.share': ['admin', 'live_agent'],
  'meetings.view': ['admin', 'live_agent'],
  'meetings.manage': ['admin', 'live_agent'],
  // sees, moves and cancels those of everybody
  'meetings.supervise': ['admin'],
  'teams.view': ['admin', 'live_agent'],
  'teams.manage': ['admin'],
  'accounts.manage': ['admin'],
  'sites.view': ['admin'],
  'sites.manage': ['admin'],
  'rules.view': ['admin'],
  'rules.manage': ['admin'],
  'canned_replies.share': ['admin'],
  'outcomes.manage': ['admin'],
  'visitors.block': ['admin', 'live_agent'],
  'connections.read': ['admin'],
  'connections.manage': ['admin'],
  'mail.manage': ['admin'],
  'jobs.manage': ['admin'],
  'audit.view': ['admin'],
}

export const permits = (profile: Profile, permission: Permission): boolean =>
  table[permission].includes(profile)

export function permissionsOf(profile: Profile): Permission[] {
  return (Object.keys(table) as Permission[]).filter((permission) => table[permission].includes(profile))
}

/** What the profile includes, and what this agent has been given besides. */
export function permissionsOfAgent(agent: { profile: Profile; supervises: boolean }): Permission[] {
  const own = permissionsOf(agent.profile)
  return agent.supervises ? [...own, 'conversations.supervise'] : own
}

import { z } from 'zod'
import { Id, Text } from './common.ts'

/** Agents who take chats in turn among themselves. */
export const Team = z.object({
  id: Id,
  name: z.string(),
  /** In the order of the round robin. */
  members: z.array(z.object({ id: Id, name: z.string(), active: z.boolean() })),
  /** The names of the sites whose requests go to it. */
  sites: z.array(z.string()),
  /** Of name and members: what `If-Match` of a change is compared with. */
  version: z.string(),
})
export type Team = z.infer<typeof Team>
export const TeamList = z.object({ teams: z.array(Team) })

export const SaveTeam = z.strictObject({
  name: Text.pipe(
    z.string().trim().min(1, 'A name is needed.').max(100, 'A name has at most 100 characters.'),
  ),
  agentIds: z.array(Id).max(500, 'A team has at most 500 members.'),
})

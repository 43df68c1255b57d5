import type { CrmWrite } from '#core/contracts/sync.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { waitFor } from '#tests/support/wait.ts'

/** What is, or was, to be written over a connection, as an admin sees it. */
export async function readWrites(
  { http }: AgentActor,
  connectionId: string,
  { state }: { state?: string } = {},
): Promise<CrmWrite[]> {
  const query = state ? `?state=${state}` : ''
  return (await http.get<{ writes: CrmWrite[] }>(`/connections/${connectionId}/writes${query}`)).writes
}

/** Waits until so many are promised, and nothing of them is left to do. */
export const untilWritten = (admin: AgentActor, connectionId: string, count: number): Promise<CrmWrite[]> =>
  waitFor(
    `${count} writes are done`,
    async () => {
      const all = await readWrites(admin, connectionId)
      return all.length >= count && all.every(({ state }) => state !== 'open') ? all : undefined
    },
    { timeoutMs: 30_000 },
  )

import { timingSafeEqual } from 'node:crypto'
import { sql } from 'kysely'
import { z } from 'zod'
import type { Api } from '../../app.ts'
import { NotFoundError } from '../../errors.ts'
import { hashToken } from '../sign-in/tokens.ts'

/** From one address. */
const requestsPerMinute = 1_200

interface Known {
  tokenHash: Buffer
  resourceId: string | null
  agentId: string
}

/** Where providers call when something in a calendar has changed. The call says no more than that: the calendar is read. */
export async function calendarChannelRoutes(app: Api): Promise<void> {
  const { services } = app
  // whatever is in it is not looked at
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: 64 * 1024 }, (_request, _body, done) =>
    done(null, null),
  )

  app.post(
    '/webhooks/:connector/calendar',
    {
      config: { access: 'public', rateLimit: { max: requestsPerMinute, timeWindow: 60_000 } },
      schema: { params: z.object({ connector: z.string().max(100) }), response: { 204: z.null() } },
    },
    async ({ params, headers }, reply) => {
      const channels = services.connectors.get(params.connector)?.calendar?.channels
      const call = channels?.read({
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, String(value ?? '')]),
        ),
      })
      const known = call && (await findChannel(params.connector, call.channelId))
      const isTheirs =
        known &&
        timingSafeEqual(hashToken(call.token), known.tokenHash) &&
        (known.resourceId === null || known.resourceId === call.resourceId)
      // the same for a wrong token: nothing is to be learned of which channels there are
      if (!isTheirs) throw new NotFoundError('channel')
      await sql`
        update calendar_feeds set next_at = ${services.clock.now()} where channel_id = ${call.channelId}`.execute(
        services.db,
      )
      return reply.status(204).send(null)
    },
  )

  async function findChannel(connector: string, channelId: string): Promise<Known | undefined> {
    if (channelId.length > 200) return undefined
    const { rows } = await sql<Known>`
      select f.channel_token_hash as token_hash, f.channel_resource_id as resource_id, f.agent_id
      from calendar_feeds f join calendars c on c.agent_id = f.agent_id join connections n on n.id = c.connection_id
      where f.channel_id = ${channelId} and n.connector = ${connector} and n.state = 'active'`.execute(
      services.db,
    )
    return rows[0]
  }
}

import { z } from 'zod'
import type { Api } from '../../app.ts'
import { FoyerError, NotFoundError } from '../../errors.ts'
import { findConnectionOf } from '../connections/repository.ts'
import { tokenStore } from '../connections/secrets.ts'
import { receiveEvents } from './events.ts'

/** Twenty times what a vendor's hundred events take. */
const mostBytes = 1024 * 1024
/** From one address. Vendors send what is refused again, later. */
const requestsPerMinute = 1_200

/** Not what the vendor would send: forged, too old, or signed by another app. */
class NotTheVendorError extends FoyerError {
  constructor() {
    super(401, 'webhook_refused', 'This is not signed as the provider signs what it sends, or it is too old.')
  }
}

/** Where vendors tell of changes by themselves. In a scope of its own: the signature is over the bytes as they came. */
export async function webhookRoutes(app: Api): Promise<void> {
  const { services } = app
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: mostBytes }, (_request, body, done) =>
    done(null, body),
  )

  app.post(
    '/webhooks/:connector',
    {
      config: { access: 'public', rateLimit: { max: requestsPerMinute, timeWindow: 60_000 } },
      bodyLimit: mostBytes,
      schema: {
        params: z.object({ connector: z.string().max(100) }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const { params, method, headers, body } = request
      const webhooks = services.connectors.get(params.connector)?.crm?.webhooks
      const row = webhooks && (await findConnectionOf(services.db, params.connector))
      if (!webhooks || !row) throw new NotFoundError('connection')
      const secret = await tokenStore(services, row.id).secret('clientSecret')
      const origin = services.config.publicUrl ?? `${request.protocol}://${request.host}`
      const told =
        secret &&
        webhooks.read(
          {
            method,
            url: `${origin}${request.url}`,
            headers: Object.fromEntries(
              Object.entries(headers).map(([name, value]) => [name, String(value ?? '')]),
            ),
            rawBody: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
          },
          secret,
          services.clock.now(),
        )
      if (!told) throw new NotTheVendorError()
      // one app may be installed in several accounts
      const ours = told.filter(({ accountId }) => accountId === row.account?.id)
      if (ours.length > 0) await receiveEvents(services, row.id, ours)
      return reply.status(204).send(null)
    },
  )
}

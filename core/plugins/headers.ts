import helmet from '@fastify/helmet'
import plugin from 'fastify-plugin'

/** The baseline for every answer; pages that need another Content-Security-Policy set their own in front-ends.ts. */
export const headers = plugin(
  async (app) => {
    await app.register(helmet, {
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          'default-src': ["'none'"],
          'frame-ancestors': ["'none'"],
          'base-uri': ["'none'"],
          'form-action': ["'none'"],
        },
      },
      // browsers ignore it over plain http, and an admin decides about the rest of the domain
      hsts: app.services.config.publicUrl?.startsWith('https:') ? { includeSubDomains: false } : false,
      frameguard: false,
      referrerPolicy: { policy: 'same-origin' },
      crossOriginResourcePolicy: { policy: 'same-origin' },
    })
  },
  { name: 'headers' },
)

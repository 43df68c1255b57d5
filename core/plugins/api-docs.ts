import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyContextConfig } from 'fastify'
import plugin from 'fastify-plugin'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import { describeAnswers, factsKey, factsOf } from './described-answers.ts'

/** The HTTP surface as OpenAPI, made from the routes' own schemas: /api/docs for people, /api/openapi.json for tools. */
export const apiDocs = plugin(
  async (app) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Foyer',
          version: '1',
          description:
            'Live chat for sales teams. Agents sign in with a cookie; visitors carry a bearer token. Errors are RFC 9457 problem documents with a stable `code`. Instants are UTC.',
        },
        components: {
          securitySchemes: {
            agent: { type: 'apiKey', in: 'cookie', name: 'foyer_session' },
            visitor: { type: 'http', scheme: 'bearer' },
          },
        },
      },
      transform: ({ schema, url, ...rest }) => {
        if (!url.startsWith('/api/v1')) return { schema: { ...schema, hide: true }, url }
        const transformed = jsonSchemaTransform({ schema: schema ?? {}, url, ...rest })
        const tag = url.replace('/api/v1/', '').split('/')[0] ?? ''
        const security = securityOf(rest.route.config?.access)
        const facts = factsOf(rest.route, transformed.schema.response !== undefined)
        return {
          url: transformed.url,
          schema: { ...transformed.schema, tags: [tag], security, [factsKey]: facts },
        }
      },
      transformObject: (built) => {
        const api = 'openapiObject' in built ? built.openapiObject : built.swaggerObject
        describeAnswers(api as Parameters<typeof describeAnswers>[0])
        return api
      },
    })
    app.get('/api/openapi.json', { config: { access: 'public' } }, async () => app.swagger())
    // its routes are made elsewhere and cannot say so themselves
    app.addHook('onRoute', (route) => {
      if (route.url.startsWith('/api/docs')) route.config = { ...route.config, access: 'public' }
    })
    await app.register(swaggerUi, {
      routePrefix: '/api/docs',
      staticCSP:
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    })
  },
  { name: 'api-docs' },
)

/** What a call has to bring; nothing where it is open to everybody. */
function securityOf(access: FastifyContextConfig['access']): { [scheme: string]: string[] }[] {
  if (access === undefined || access === 'public') return []
  return access === 'visitor' ? [{ visitor: [] }] : [{ agent: [] }]
}

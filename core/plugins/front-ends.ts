import path from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyReply } from 'fastify'
import plugin from 'fastify-plugin'
import { RateLimitedError } from '../errors.ts'
import { RecentSites } from '../features/sites/recent.ts'
import type { SiteRow } from '../features/sites/repository.ts'
import { Strangers } from '../realtime/strangers.ts'
import { countedAs } from './addresses.ts'
import { beginnings } from './call-limits.ts'

const dist = path.join(import.meta.dirname, '../../dist')

const ownPages = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // positions and sizes that scripts compute; no text of anybody's ends up there
  "style-src-attr 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "media-src 'self' data: blob:",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ')

const escaped = (text: string) => text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

const chatPage = ({ key, settings }: SiteRow) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escaped(settings.companyName)}</title>
<h1>${escaped(settings.companyName)}</h1>
<script src="/widget.js" data-site="${escaped(key)}"></script>
</html>
`

const fresh = 'no-cache'
const forGood = 'public, max-age=31536000, immutable'
const shortly = 'public, max-age=300'

/** The built inbox and widget. Files in assets/ carry a hash in their names and are kept for good. */
export const frontEnds = plugin(
  async (app) => {
    const { services } = app
    await app.register(fastifyStatic, { root: dist, serve: false, preCompressed: true, cacheControl: false })

    const inbox = (reply: FastifyReply) =>
      reply
        .header('content-security-policy', `${ownPages}; frame-src 'self'; frame-ancestors 'none'`)
        .header('cache-control', fresh)
        .sendFile('inbox/index.html')
    const page = { config: { access: 'public' as const }, schema: { hide: true } }
    const sites = new RecentSites(services.db)
    // of keys; a frame that is refused stays empty until its page is loaded again, so those of sites are never too many
    const strangers = new Strangers()

    app.get('/', page, (_request, reply) => reply.redirect('/inbox'))
    app.get('/inbox', page, (_request, reply) => inbox(reply))
    app.get('/inbox/*', page, (request, reply) => {
      const file = (request.params as { '*': string })['*']
      // an address of the application, not of a file
      if (!/\.\w+$/.test(file)) return inbox(reply)
      return reply
        .header('cache-control', file.startsWith('assets/') ? forGood : shortly)
        .sendFile(`inbox/${file}`)
    })
    app.get('/setup', page, (_request, reply) => inbox(reply))
    app.get('/sw.js', page, (_request, reply) =>
      reply
        .header('content-security-policy', "default-src 'none'; connect-src 'self'")
        .header('service-worker-allowed', '/inbox')
        .header('cache-control', fresh)
        .sendFile('inbox/sw.js'),
    )

    /** Loaded by pages of other sites, so it must not be kept to our own. */
    const forAnySite = (reply: FastifyReply) =>
      reply.header('cross-origin-resource-policy', 'cross-origin').header('access-control-allow-origin', '*')

    app.get('/widget.js', page, (_request, reply) =>
      forAnySite(reply).header('cache-control', shortly).sendFile('widget/widget.js'),
    )

    /** Where the link of a mail leads when nobody has said which pages a site has: nothing but its chat. */
    const chat = { ...page, config: { ...page.config, rateLimit: beginnings } }
    app.get('/chat', chat, async (request, reply) => {
      const { site: key } = request.query as { site?: unknown }
      const site = typeof key === 'string' ? await sites.find(key) : null
      if (!site) return reply.callNotFound()
      return reply
        .header('content-security-policy', `${ownPages}; frame-src 'self'; frame-ancestors 'none'`)
        .header('cache-control', fresh)
        .type('text/html; charset=utf-8')
        .send(chatPage(site))
    })

    app.get('/widget/assets/*', page, (request, reply) =>
      forAnySite(reply)
        .header('cache-control', forGood)
        .sendFile(`widget/assets/${(request.params as { '*': string })['*']}`),
    )

    // what a mail's link opens: whoever has the token may
    for (const path of ['/book/:token', '/meeting/:token'])
      app.get(path, page, (_request, reply) =>
        reply
          .header('content-security-policy', `${ownPages}; frame-ancestors 'none'`)
          .header('referrer-policy', 'no-referrer')
          .header('cache-control', fresh)
          .sendFile('pages/index.html'),
      )
    app.get('/widget/pages/assets/*', page, (request, reply) =>
      reply
        .header('cache-control', forGood)
        .sendFile(`pages/assets/${(request.params as { '*': string })['*']}`),
    )

    app.get('/widget/frame', page, async (request, reply) => {
      const { site: asked } = request.query as { site?: unknown }
      const key = typeof asked === 'string' ? asked : ''
      const { found: site, waitMs } = await strangers.look(countedAs(request.ip), key, () => sites.find(key))
      if (waitMs > 0) throw new RateLimitedError('That was too often. Wait a little, then try again.', waitMs)
      // with no site named yet any may embed it; an unknown key may be embedded nowhere
      const ancestors = site
        ? site.allowedOrigins.length > 0
          ? `'self' ${site.allowedOrigins.join(' ')}`
          : '*'
        : "'none'"
      return reply
        .status(site ? 200 : 404)
        .header('content-security-policy', `${ownPages}; frame-ancestors ${ancestors}`)
        .header('cross-origin-resource-policy', 'cross-origin')
        .header('cache-control', fresh)
        .sendFile('widget/frame.html')
    })
  },
  { name: 'front-ends' },
)

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Api } from '../../app.ts'
import { findSiteByKey } from '../sites/repository.ts'

const folder = path.join(import.meta.dirname, 'site')

/** As strict as a careful shop's: the widget must work under it. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const html = 'text/html; charset=utf-8'
const files: Record<string, [file: string, type: string]> = {
  '/demo': ['home.html', html],
  '/demo/halo-40': ['halo-40.html', html],
  '/demo/trade': ['trade.html', html],
  '/demo/shop.css': ['shop.css', 'text/css; charset=utf-8'],
  '/demo/shop.js': ['shop.js', 'text/javascript; charset=utf-8'],
  '/demo/favicon.svg': ['favicon.svg', 'image/svg+xml'],
}

/** The sample shop, where the sample data is: a page of a customer's, with the widget on it. */
export async function demoSiteRoutes(app: Api): Promise<void> {
  for (const [address, [file, type]] of Object.entries(files)) {
    app.get(address, { config: { access: 'public' }, schema: { hide: true } }, async (_request, reply) => {
      if (!(await findSiteByKey(app.services.db, 'demo'))) return reply.callNotFound()
      return reply
        .header('content-security-policy', contentSecurityPolicy)
        .header('cache-control', 'no-cache')
        .type(type)
        .send(await readFile(path.join(folder, file), 'utf8'))
    })
  }
}

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HostPageOptions {
  /** Where Foyer listens, such as http://127.0.0.1:41234. */
  foyer: string
  siteKey: string
  /** What is pasted before </body>, if not what Foyer hands out for `siteKey`. */
  snippet?: string
  /** The page's own Content-Security-Policy. */
  csp?: string
  /** What else the page's head holds. */
  head?: string
}

export interface HostPage {
  /** On another site than Foyer: `localhost` and `127.0.0.1` share neither cookies nor storage. */
  readonly origin: string
  /** Addresses of two pages of the site that have the widget. */
  readonly url: string
  readonly otherUrl: string
  /** Content-Security-Policy reports that browsers sent. */
  readonly violations: string[]
  close(): Promise<void>
}

/** A customer's web site with the widget's snippet on its pages. */
export async function startHostPage(options: HostPageOptions): Promise<HostPage> {
  const violations: string[] = []
  const server = createServer((request, response) => {
    if (request.url === '/csp-report') {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      request.on('end', () => {
        violations.push(body)
        response.writeHead(204).end()
      })
      return
    }
    const policy = options.csp ? { 'content-security-policy': `${options.csp}; report-uri /csp-report` } : {}
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...policy })
    response.end(pageOf(options, request.url ?? '/'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  return {
    origin,
    url: `${origin}/`,
    otherUrl: `${origin}/prices`,
    violations,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function pageOf({ foyer, siteKey, snippet, head = '' }: HostPageOptions, path: string): string {
  const title = path === '/prices' ? 'Prices' : 'Warehouse systems'
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Meridian Industries</title><link rel="icon" href="data:,">${head}</head>
<body><header><nav><a href="/">Home</a> <a href="/prices">Prices</a></nav></header>
<main><h1>${title}</h1>${'<p>Pallets, racks and the software that knows where they are.</p>'.repeat(30)}</main>
${snippet ?? `<script async src="${foyer}/widget.js" data-site="${siteKey}"></script>`}</body>
</html>`
}

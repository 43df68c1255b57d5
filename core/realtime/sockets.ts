import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import plugin from 'fastify-plugin'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { maxFrameBytes } from '../contracts/sockets.ts'
import { findSession, sessionCookie } from '../features/sign-in/sessions.ts'
import { ReachabilityWatch } from '../features/widget/reachability.ts'
import { countedAs } from '../plugins/addresses.ts'
import { isOwnOrigin } from '../plugins/origins.ts'
import { AgentProtocol } from './agent-socket.ts'
import type { Connection } from './connection.ts'
import { socketCounts } from './counts.ts'
import { Heartbeat } from './heartbeat.ts'
import { Buckets } from './limits.ts'
import { Presence } from './presence.ts'
import { Reconciler } from './reconcile.ts'
import { Strangers } from './strangers.ts'
import { VisitorLimits } from './visitor-limits.ts'
import { type VisitorConnection, VisitorProtocol } from './visitor-socket.ts'

const checkSessionsEveryMs = 3_000
/** Only for what the bus lost; there may be ten thousand of them. */
const checkTokensEveryMs = 30_000

/**
 * The two sockets, on `ws` alone: a Fastify route for each socket would keep its request and reply alive as long as
 * the socket, several times the memory of the socket itself.
 */
export const sockets = plugin(
  async (app) => {
    const { services } = app
    const presence = new Presence(services)
    const limits = new VisitorLimits(services.settings.limits)
    const strangers = new Strangers()
    const reachability = new ReachabilityWatch(services)
    const visitors = new VisitorProtocol(services, presence, limits, reachability)
    // an agent types fast; a script in her browser types faster
    const agentSends = new Buckets(60, 20)
    const agents = new AgentProtocol(services, presence, agentSends)
    const reconciler = new Reconciler(services)
    app.decorate('visitorLimits', limits)
    app.decorate('agentSends', agentSends)
    app.decorate('reachability', reachability)

    const open = new Set<Connection>()
    const heartbeat = new Heartbeat()
    const server = new WebSocketServer({
      noServer: true,
      maxPayload: maxFrameBytes,
      perMessageDeflate: false,
      clientTracking: false,
    })

    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // until ws takes over nobody listens for errors of the line
      socket.on('error', () => socket.destroy())
      upgrade(request, socket, head).catch((error: unknown) => {
        app.log.error({ error }, 'An upgrade failed')
        refuse(socket, 500)
      })
    }
    const follow = (connection: Connection) => {
      open.add(connection)
      const leaveHeartbeat = heartbeat.add(connection)
      connection.onEnd = () => {
        open.delete(connection)
        leaveHeartbeat()
      }
    }
    const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
      const pathname = URL.parse(request.url ?? '/', 'http://foyer')?.pathname
      const { origin } = request.headers
      const called = calledBy(request, services.config.trustedProxies)
      const { publicUrl, widgetUrl } = services.config
      const address = countedAs(addressOf(request, services.config.trustedProxies))
      if (pathname === '/ws/visitor') {
        if (origin !== undefined && !isOwnOrigin(origin, called, publicUrl, widgetUrl))
          return refuse(socket, 403)
        server.handleUpgrade(request, socket, head, (ws) => follow(visitors.accept(ws, socket, address)))
      } else if (pathname === '/ws/agent') {
        // the cookie comes with every request of the browser, whichever page makes it
        if (origin === undefined || !isOwnOrigin(origin, called, publicUrl)) return refuse(socket, 403)
        const token = app.parseCookie(request.headers.cookie ?? '')[sessionCookie]
        if (!token) return refuse(socket, 401)
        const { found: agent, waitMs } = await strangers.look(address, token, () =>
          findSession(services.db, services.clock.now(), token),
        )
        if (waitMs > 0) return refuse(socket, 429, waitMs)
        if (!agent?.permissions.has('conversations.view')) return refuse(socket, 401)
        if (socket.destroyed) return
        server.handleUpgrade(request, socket, head, (ws) =>
          follow(agents.accept(ws, socket, address, agent, token)),
        )
      } else refuse(socket, 404)
    }
    app.server.on('upgrade', onUpgrade)

    const timers = [
      setInterval(() => void checkSessions(), checkSessionsEveryMs),
      setInterval(() => void checkTokens(), checkTokensEveryMs),
    ]
    const checkSessions = () =>
      agents
        .checkSessions()
        .catch((error) => app.log.warn({ error: String(error) }, 'Sessions were not checked'))
    const checkTokens = (visitorId?: string) =>
      visitors
        .checkTokens(visitorId)
        .catch((error) => app.log.warn({ error: String(error) }, 'Visitors’ tokens were not checked'))
    services.bus.subscribe('control', (text) => {
      const said = readControl(text)
      void (said.type === 'visitor_tokens_changed' ? checkTokens(said.visitorId) : checkSessions())
    })
    services.bus.onGap(() => {
      void checkTokens()
      agents
        .refreshAll()
        .catch((error) => app.log.warn({ error: String(error) }, 'Inboxes were not refreshed'))
      void reconciler.run()
    })
    reachability.onChange((value) => {
      const frame = JSON.stringify({ type: 'reachability', reachability: value })
      for (const connection of open) if (isVisitor(connection)) connection.write(frame)
    })

    app.addHook('onReady', async () => {
      await presence.start()
      reconciler.start()
    })
    app.addHook('preClose', async () => {
      app.server.off('upgrade', onUpgrade)
      for (const timer of timers) clearInterval(timer)
      heartbeat.stop()
      reachability.stop()
      await reconciler.stop()
      for (const connection of open) connection.close(1012, 'Restarting; come back in a moment')
      await presence
        .stop()
        .catch((error) => app.log.warn({ error: String(error) }, 'Presence was not let go'))
    })
  },
  { name: 'sockets', dependencies: ['@fastify/cookie'] },
)

declare module 'fastify' {
  interface FastifyInstance {
    visitorLimits: VisitorLimits
    /** What agents send, by their ids, over sockets and HTTP together. */
    agentSends: Buckets
    reachability: ReachabilityWatch
  }
}

const Control = z.object({ type: z.string(), visitorId: z.string().optional() })

function readControl(text: string): z.infer<typeof Control> {
  return Control.parse(JSON.parse(text))
}

const isVisitor = (connection: Connection): connection is VisitorConnection => 'visitorId' in connection

/** @param retryAfterMs of a 429, which says so in words, too */
function refuse(socket: Duplex, status: number, retryAfterMs = 0): void {
  socketCounts.refused.add(`http_${status}`)
  const text = retryAfterMs > 0 ? 'That was too often. Wait a little, then try again.\n' : ''
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    `Content-Length: ${text.length}`,
    ...(text ? ['Content-Type: text/plain', `Retry-After: ${Math.ceil(retryAfterMs / 1_000)}`] : []),
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${text}`)
}

/** The host that was called, and whether a trusted proxy says it was over TLS. */
function calledBy({ headers }: IncomingMessage, trustedProxies: number) {
  const protocols = String(headers['x-forwarded-proto'] ?? '').split(',')
  return { host: headers.host, overTls: trustedProxies > 0 && protocols.at(-1)?.trim() === 'https' }
}

/** The last address that a trusted proxy, if there is one, vouches for. */
function addressOf(request: IncomingMessage, trustedProxies: number): string {
  const direct = request.socket.remoteAddress ?? 'unknown'
  if (trustedProxies === 0) return direct
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
  return forwarded.at(-trustedProxies) ?? forwarded[0] ?? direct
}

import { isIP } from 'node:net'
import { createTransport, type NodemailerError } from 'nodemailer'
import { StartError } from '#core/errors.ts'
import type { MailRow } from './repository.ts'

export interface Sender {
  name: string
  address: string
  /** Where answers go that a mail does not name another place for. */
  replyTo?: string | null
}

export interface Mailer {
  /** Who the mails are from at the moment. */
  sender(): Promise<Sender>
  /** Resolves when the mail server has taken the mail over. @throws MailRefusedError, or another error if trying
   *  again later may help. */
  send(mail: MailRow & { messageId: string }, from: Sender, signal: AbortSignal): Promise<void>
  close(): void
}

/** The mail server will not have this mail, however often it is asked. */
export class MailRefusedError extends Error {
  override name = 'MailRefusedError'
}

interface MailerOptions {
  /** smtp:// (STARTTLS where offered, required if there is a password and the server is elsewhere) or smtps:// */
  url: string
  sender: () => Promise<Sender>
}

const sendTimeoutMs = 60_000

/** @throws StartError for an address that is none. */
export function createMailer({ url, sender }: MailerOptions): Mailer {
  const server = parseUrl(url)
  const transport = createTransport({
    url,
    requireTLS: server.protocol === 'smtp:' && server.password !== '' && !isLoopback(server.hostname),
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 30_000,
    dnsTimeout: 10_000,
    // what is mailed comes from rows, never from files or other servers
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return {
    sender,
    async send(mail, from, signal) {
      try {
        await transport.sendMail({
          from: { name: from.name, address: from.address },
          to: { name: mail.toName ?? '', address: mail.toAddress },
          // given separately, so that nothing in a name is ever taken for a recipient
          envelope: { from: from.address, to: [mail.toAddress] },
          replyTo: mail.replyTo ?? from.replyTo ?? undefined,
          subject: mail.subject,
          text: mail.text,
          html: mail.html ?? undefined,
          ...(mail.invitation
            ? {
                icalEvent: {
                  method: mail.invitation.method,
                  filename: 'invite.ics',
                  content: mail.invitation.content,
                },
              }
            : {}),
          // tells out-of-office assistants not to answer: RFC 3834
          headers: { 'Auto-Submitted': 'auto-generated', ...mail.headers },
          messageId: mail.messageId,
          date: mail.createdAt,
          signal: AbortSignal.any([signal, AbortSignal.timeout(sendTimeoutMs)]),
        })
      } catch (error) {
        throw isRefusal(error) ? new MailRefusedError(error.message, { cause: error }) : error
      }
    },
    close: () => transport.close(),
  }
}

/** Who mails are from until an admin says otherwise: the mail server's user if that is an address, else foyer@ the
 *  host people know Foyer by. */
export function defaultSender(smtpUrl: string, publicUrl: string, name: string): Sender {
  const user = decodeURIComponent(parseUrl(smtpUrl).username)
  if (/^[^@\s]+@[^@\s]+$/.test(user)) return { name, address: user }
  const { hostname } = new URL(publicUrl)
  // an address literal is written in brackets: RFC 5321, 4.1.3
  const family = isIP(hostname.replace(/^\[|\]$/g, ''))
  const domain = family === 4 ? `[${hostname}]` : family === 6 ? `[IPv6:${hostname.slice(1, -1)}]` : hostname
  return { name, address: `foyer@${domain}` }
}

/** Replies that are about this very mail and final, by SMTP code class and the stage nodemailer names. Everything
 *  else (4xx, no connection, TLS, sign-in) may be different next time: greylisting passes, an operator corrects a
 *  password. https://nodemailer.com/errors, RFC 5321 4.2.1 */
const finalStages = new Map([
  ['EENVELOPE', 'the recipient or sender was refused'],
  ['EMESSAGE', 'the content was refused'],
])

function isRefusal(error: unknown): error is NodemailerError {
  if (!(error instanceof Error)) return false
  const { code, responseCode } = error as NodemailerError
  return finalStages.has(code ?? '') && responseCode !== undefined && responseCode >= 500
}

function parseUrl(url: string): URL {
  const parsed = URL.parse(url)
  if (!parsed?.hostname || !['smtp:', 'smtps:'].includes(parsed.protocol))
    throw new StartError('FOYER_SMTP_URL must look like smtp://user:password@mail.example.com:587.')
  return parsed
}

const isLoopback = (host: string) => host === 'localhost' || host === '[::1]' || host.startsWith('127.')

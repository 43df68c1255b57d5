import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'

export interface Received {
  from: string
  to: string[]
  raw: string
}

export interface MailServer {
  url: string
  received: Received[]
  close(): Promise<void>
}

const refusal = (responseCode: number, message: string) => Object.assign(new Error(message), { responseCode })

/** A real SMTP server. nobody@… is refused for good, busy@… once for the time being, and forgetful@… has the first
 *  mail taken over but the answer lost. */
export async function startMailServer(): Promise<MailServer> {
  const received: Received[] = []
  const wasBusy = new Set<string>()
  let forgot = false
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onRcptTo({ address }, _session, answer) {
      if (address.startsWith('nobody@')) return answer(refusal(550, 'No such mailbox'))
      if (address.startsWith('busy@') && !wasBusy.has(address)) {
        wasBusy.add(address)
        return answer(refusal(451, 'Come back later'))
      }
      answer()
    },
    onData(stream, { envelope }, answer) {
      text(stream).then((raw) => {
        const to = envelope.rcptTo.map(({ address }) => address)
        const from = envelope.mailFrom ? envelope.mailFrom.address : ''
        received.push({ from, to, raw })
        if (to[0]?.startsWith('forgetful@') && !forgot) {
          forgot = true
          return answer(refusal(451, 'Something broke after your mail was stored'))
        }
        answer()
      }, answer)
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    received,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

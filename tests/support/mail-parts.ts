/** One part of a mail that is no container of others, decoded. */
export interface MailPart {
  /** Such as `text/calendar; charset=utf-8; method=REQUEST`. */
  type: string
  text: string
}

/** The parts of a mail as it came over the line: RFC 2045, as far as mailers go. */
export function mailParts(raw: string): MailPart[] {
  const end = raw.indexOf('\r\n\r\n')
  const body = raw.slice(end + 4)
  const headers = new Map(
    raw
      .slice(0, end)
      .replaceAll(/\r\n[ \t]+/g, ' ')
      .split('\r\n')
      .map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
  )
  const type = headers.get('content-type') ?? 'text/plain'
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1]
  if (boundary === undefined)
    return [{ type, text: decode(body, headers.get('content-transfer-encoding')?.toLowerCase()) }]
  return `\r\n${body}`
    .split(`\r\n--${boundary}`)
    .slice(1, -1)
    .flatMap((part) => mailParts(part.replace(/^[ \t]*\r\n/, '')))
}

function decode(body: string, encoding: string | undefined): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8')
  if (encoding !== 'quoted-printable') return body
  const bytes = body
    .replaceAll(/=[ \t]*\r\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/gi, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

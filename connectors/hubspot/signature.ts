import { createHmac, timingSafeEqual } from 'node:crypto'
import type { WebhookRequest } from '../sdk/crm.ts'

const toleranceMs = 300_000

/** Version 3, over the bytes as they came. The client’s own check defaults to version 1, decodes nothing, takes timestamps of the future and compares
 *  in variable time. https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests */
export function isSigned(
  { method, url, headers, rawBody }: WebhookRequest,
  appSecret: string,
  now: Date,
): boolean {
  const timestamp = headers['x-hubspot-request-timestamp'] ?? ''
  const signature = headers['x-hubspot-signature-v3'] ?? ''
  if (!/^\d{1,15}$/.test(timestamp)) return false
  if (Math.abs(now.getTime() - Number(timestamp)) > toleranceMs) return false
  const expected = createHmac('sha256', appSecret)
    .update(`${method}${decodeListed(url)}`)
    .update(rawBody)
    .update(timestamp)
    .digest()
  const given = Buffer.from(signature, 'base64')
  // Buffer.from skips what is no base64: what is meant must be what was written
  return (
    given.length === expected.length &&
    given.toString('base64') === signature &&
    timingSafeEqual(given, expected)
  )
}

/** These and no others are decoded before signing. */
const listed: Record<string, string> = {
  '%3A': ':',
  '%2F': '/',
  '%3F': '?',
  '%40': '@',
  '%21': '!',
  '%24': '$',
  '%27': "'",
  '%28': '(',
  '%29': ')',
  '%2A': '*',
  '%2C': ',',
  '%3B': ';',
}

export const decodeListed = (url: string): string =>
  url.replace(/%[0-9a-f]{2}/gi, (code) => listed[code.toUpperCase()] ?? code)

import { createHubSpotStandIn, type HubSpotStandInOptions } from '#connectors/hubspot/stand-in/index.ts'

/** The instant at which the stand-in's clock stands; only `clock.advance` moves it. */
export const standsAt = Date.parse('2026-11-20T10:00:00.000Z')

export const allScopes = [
  'oauth',
  'crm.objects.contacts.read',
  'crm.objects.contacts.write',
  'crm.objects.companies.read',
  'crm.objects.owners.read',
  'sales-email-read',
]

export const aStandIn = (options: HubSpotStandInOptions = {}) =>
  createHubSpotStandIn({ now: () => standsAt, ...options })

/** Somebody who calls it with a token, without the connector. */
export async function aCaller(standIn: ReturnType<typeof aStandIn>, scopes = allScopes) {
  const { access_token } = await standIn.oauth.grantNow(scopes)
  return async (method: string, path: string, body?: unknown) => {
    const response = await standIn.handle(
      new Request(`https://api.hubapi.com${path}`, {
        method,
        headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
    const text = response.type === 'error' ? '' : await response.text()

    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? null : JSON.parse(text)) as Answer,
    }
  }
}

/** What tests look at of an answer. */
interface Answer {
  id: string
  new: boolean
  message: string
  policyName: string
  category: string
  properties: Record<string, string | null>
  results: (Answer & { to: { toObjectId: string; associationTypes: { typeId: number }[] }[] })[]
  errors: { context: Record<string, string[]> }[]
  total: number
  paging?: { next: { after: string } }
}

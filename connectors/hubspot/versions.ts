/** OAuth is called at this date's path, not through the client: the only path it knows ends on 2027-02-16.
 *  https://developers.hubspot.com/changelog/v1-oauth-api-deprecation */
export const oauthVersion = '2026-03'

/** What an admin may choose for everything else. The client's own paths end on 2027-03-30 (associations) and in September 2027.
 *  https://developers.hubspot.com/changelog/deprecating-support-for-hubspot-v4-apis */
export const apiVersions = ['v3', '2026-09'] as const

/** The path that takes the place of one the client calls; the same in and out. */
export function versionedPath(path: string, version: string | undefined): string {
  if (version === undefined || version === 'v3') return path
  const [, crm, called, kind, ...rest] = path.split('/')
  if (crm !== 'crm' || (called !== 'v3' && called !== 'v4')) return path
  return ['/crm', kind, version, ...rest].join('/')
}

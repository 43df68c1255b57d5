/** All that a connector from a package is handed: `export default (sdk) => sdk.defineConnector({ … })`. */
export { fetchAuthorized } from './authorized.ts'
export { defineConnector } from './contract.ts'
export * from './errors.ts'
export { retryAfterMs } from './oauth.ts'
export { items, pages } from './paging.ts'

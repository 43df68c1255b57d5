import type { Connection } from '../sdk/contract.ts'

/** Name of what `limits` declares. */
export const userLimit = 'user'

type At = Pick<Connection, 'standIn'>

export const apiOrigin = ({ standIn }: At): string => standIn ?? 'https://www.googleapis.com'
export const signInOrigin = ({ standIn }: At): string => standIn ?? 'https://accounts.google.com'
export const tokenOrigin = ({ standIn }: At): string => standIn ?? 'https://oauth2.googleapis.com'

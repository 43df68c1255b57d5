import type { z } from 'zod'
import { FoyerError } from '../errors.ts'
import type { Connection } from './connection.ts'

/** Answers a send: acknowledged after the commit, or refused with the reason. */
export function acknowledge(
  connection: Connection,
  { conversationId, clientId }: { conversationId: string; clientId: string },
  stored: Promise<{ seq: number; at: string }>,
): void {
  stored.then(
    ({ seq, at }) => connection.send({ type: 'ack', conversationId, clientId, seq, at }),
    (error: unknown) => {
      const retryAfterMs = refuseError(connection, error, clientId)
      if (retryAfterMs !== undefined) connection.comesBack({ clientId, conversationId }, retryAfterMs)
    },
  )
}

/** Says what went wrong with anything else that a client asked for; what went well says nothing. */
export function answer(connection: Connection, work: Promise<unknown>): void {
  work.catch((error: unknown) => refuseError(connection, error, null))
}

/** @returns after how many ms it should come again, if it may go through then. */
function refuseError(connection: Connection, error: unknown, clientId: string | null): number | undefined {
  const known =
    error instanceof FoyerError
      ? error
      : new FoyerError(503, 'unavailable', 'Foyer could not do this just now. It is safe to try again.')
  const retryAfterMs = known.status === 503 ? 1_000 : undefined
  connection.refuse(known.code, known.message, { clientId, retryAfterMs })
  return retryAfterMs
}

/** A frame that came before the welcome. */
export function refuseEarly(connection: Connection, raw: unknown): void {
  const clientId = clientIdOf(raw)
  // a send is only early, not wrong
  if (clientId !== null)
    connection.refuse('too_early', 'Wait for the welcome.', { clientId, retryAfterMs: 200 })
  else connection.refuseFrame('too_early', 'Wait for the welcome.')
}

/** A frame that is none of the contract's. @param raw as it came. */
export function refuseInvalid(connection: Connection, raw: unknown, error: z.ZodError): void {
  const issue = error.issues[0]
  const where = issue?.path.length ? `${issue.path.join('.')}: ` : ''
  // it may quote what the peer sent
  const message = `${where}${issue?.message ?? 'Not valid.'}`.slice(0, 300).toWellFormed()
  connection.refuseFrame('invalid_input', message, clientIdOf(raw))
}

function clientIdOf(raw: unknown): string | null {
  const { clientId } = raw as { clientId?: unknown }
  return typeof clientId === 'string' ? clientId.slice(0, 64) : null
}

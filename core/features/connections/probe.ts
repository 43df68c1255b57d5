import type { z } from 'zod'
import { ConnectorError } from '#connectors/sdk/errors.ts'
import type { ConnectionDescription, ConnectionTest } from '../../contracts/connections.ts'
import { NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { openConnection } from './open.ts'
import { findConnection, lockConnection, setAccount, setDescription, setUsable } from './repository.ts'

const patienceMs = 15_000
const usable = ['active', 'paused', 'broken'] as const

/** Asks the vendor who we are. One that was broken and works again is used again, unless it was paused. */
export async function testConnection(
  services: Services,
  id: string,
): Promise<z.output<typeof ConnectionTest>> {
  const options = { signal: AbortSignal.timeout(patienceMs), priority: 'live', states: usable } as const
  const { connector, connection, row } = await openConnection(services, id, options)
  try {
    const account = await connector.identify(connection)
    if (row.account && row.account.id !== account.id) {
      const message = `The access is for ${account.name}, and the connection is with ${row.account.name}. Connect again.`
      return { ok: false, account: null, failure: { code: 'other_account', message } }
    }
    await change(services, async ({ tx, now }) => {
      await setAccount(tx, id, account)
      if ((await lockConnection(tx, id))?.state === 'broken') await setUsable(tx, id, now)
    })
    return { ok: true, account: { id: account.id, name: account.name }, failure: null }
  } catch (error) {
    const failure = failureOf(error)
    if (!failure) throw error
    return { ok: false, account: null, failure }
  }
}

function failureOf(error: unknown): { code: string; message: string } | null {
  if (error instanceof ConnectorError) return { code: error.code, message: error.message }
  if ((error as Error | null)?.name === 'TimeoutError')
    return { code: 'connector_unavailable', message: 'The provider did not answer in time. Try again later.' }
  return null
}

/** What this connection may see, as the vendor says now. @throws {NotFoundError} @throws {ConnectorError} */
export async function describeConnection(
  services: Services,
  id: string,
): Promise<z.output<typeof ConnectionDescription>> {
  const options = { signal: AbortSignal.timeout(patienceMs), priority: 'live', states: usable } as const
  const { connector, crm } = await openConnection(services, id, options)
  if (!crm || !connector.crm) throw new NotFoundError('CRM connection')
  await setDescription(services.db, id, services.clock.now(), await connector.crm.describe(crm))
  return readDescription(services, id)
}

/** As it was last read. @throws {NotFoundError} never read */
export async function readDescription(
  { db }: Services,
  id: string,
): Promise<z.output<typeof ConnectionDescription>> {
  const row = await findConnection(db, id)
  if (!row?.description || !row.describedAt) throw new NotFoundError('description of this connection')
  return {
    describedAt: row.describedAt.toISOString(),
    types: Object.entries(row.description.types).map(([type, { label, mayCreate, fields }]) => ({
      type,
      label,
      mayCreate,
      fields: fields.map(({ options = [], ...field }) => ({ ...field, options })),
    })),
  }
}

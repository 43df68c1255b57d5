import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { z } from 'zod'
import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import {
  type ChangeConnection,
  type Connection,
  type CreateConnection,
  type Disconnect,
  WriteBackRules,
} from '../../contracts/connections.ts'
import { eraseMirror } from '../../contracts/jobs.ts'
import type { Tx } from '../../db/pool.ts'
import { ConflictError, InvalidInputError, NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { changedMeanwhile } from '../content-version.ts'
import { enqueue } from '../outbox/outbox.ts'
import { openConnection } from './open.ts'
import { record } from './record.ts'
import {
  type ConnectionRow,
  insertConnection,
  lockConnection,
  setState,
  updateConnection,
} from './repository.ts'
import { forgetSecrets, setClientSecret, tokenStore } from './secrets.ts'
import { checkMapping, checkSettings, checkWriteBack } from './validate.ts'
import { viewConnection } from './view.ts'

/** Not agreed to at the vendor yet. @throws {InvalidInputError} @throws {ConflictError} `already_connected`, `erasing` */
export async function createConnection(
  services: Services,
  actorId: string,
  given: z.output<typeof CreateConnection>,
): Promise<Connection> {
  const connector = services.connectors.get(given.connector)
  if (!connector) {
    const message = `There is no connector "${given.connector}".`
    throw new InvalidInputError(message, [{ field: 'connector', message }])
  }
  if (connector.auth.kind !== 'oauth2') {
    const message = `${connector.name} needs nothing of admins: agents connect their own, under My calendar.`
    throw new InvalidInputError(message, [{ field: 'connector', message }])
  }
  const id = randomUUIDv7()
  await change(services, async ({ tx, now }) => {
    await refuseWhileErasing(tx, connector)
    const added = await insertConnection(tx, now, {
      id,
      connector: connector.id,
      settings: checkSettings(connector, given.settings),
      clientId: given.clientId,
      mapping: connector.crm?.mapping ?? {},
      writeBack: WriteBackRules.parse({}),
    })
    if (!added)
      throw new ConflictError(
        'already_connected',
        `${connector.name} is connected already. Disconnect it first to connect another account.`,
      )
    await setClientSecret(services, tx, id, given.clientSecret)
    await record(tx, now, actorId, 'connection.created', id, { connector: connector.id })
  })
  return viewConnection(services, id)
}

/** What was read of an account that is over must be gone before another one's people come into its place. */
async function refuseWhileErasing(tx: Tx, { id, name }: ConnectorDeclaration): Promise<void> {
  const { rows } = await sql`
    select from outbox where task = ${eraseMirror.name} and state = 'open' and payload ->> 'connector' = ${id}`.execute(
    tx,
  )
  if (rows.length > 0)
    throw new ConflictError(
      'erasing',
      `What Foyer knew from ${name} is still being erased. Try again in a minute.`,
    )
}

/** @throws {ConflictError} `changed_meanwhile`, `preview_needed` @throws {InvalidInputError} */
export async function changeConnection(
  services: Services,
  actorId: string,
  id: string,
  { version, clientSecret, ...given }: z.output<typeof ChangeConnection>,
): Promise<Connection> {
  await change(services, async ({ tx, now }) => {
    const { row, connector } = await lockOpen(services, tx, id)
    if (row.version !== version)
      throw new ConflictError(
        'changed_meanwhile',
        await changedMeanwhile(tx, { what: 'connection', objectId: id, actorId }),
        { version: row.version },
      )
    if (given.settings) given.settings = checkSettings(connector, given.settings)
    if (given.mapping) checkMapping(connector, given.mapping, row.description)
    if (given.writeBack) checkWriteBack(connector, given.writeBack)
    if (given.writingOn && !row.previewedAt)
      throw new ConflictError('preview_needed', 'Look at what would be written first, then turn writing on.')
    await updateConnection(tx, id, now, given)
    if (clientSecret) await setClientSecret(services, tx, id, clientSecret)
    const isOther =
      clientSecret || hasChanged(row.clientId, given.clientId) || hasChanged(row.settings, given.settings)
    if (isOther && row.state !== 'connecting')
      await setState(tx, id, now, { state: 'broken', reason: 'The settings were changed. Connect again.' })
    const changed = Object.keys(given).filter((name) =>
      hasChanged(row[name as keyof typeof given], given[name as keyof typeof given]),
    )
    const detail = { changed: clientSecret ? [...changed, 'clientSecret'] : changed }
    await record(tx, now, actorId, 'connection.changed', id, detail)
  })
  return viewConnection(services, id)
}

const hasChanged = (before: unknown, after: unknown) =>
  after !== undefined && JSON.stringify(before) !== JSON.stringify(after)

/** Nothing is read or written until it goes on. @throws {ConflictError} `wrong_state` */
export const pauseConnection = (services: Services, actorId: string, id: string): Promise<Connection> =>
  move(services, actorId, id, { from: 'active', to: 'paused', action: 'connection.paused' })

/** @throws {ConflictError} `wrong_state` */
export const resumeConnection = (services: Services, actorId: string, id: string): Promise<Connection> =>
  move(services, actorId, id, { from: 'paused', to: 'active', action: 'connection.resumed' })

async function move(
  services: Services,
  actorId: string,
  id: string,
  { from, to, action }: { from: 'active' | 'paused'; to: 'active' | 'paused'; action: string },
): Promise<Connection> {
  await change(services, async ({ tx, now, after }) => {
    const { row } = await lockOpen(services, tx, id)
    if (row.state !== from)
      throw new ConflictError('wrong_state', `This connection is ${row.state}, not ${from}.`, {
        state: row.state,
      })
    await setState(tx, id, now, { state: to, reason: null })
    await record(tx, now, actorId, action, id)
    after(services.wakeJobs)
  })
  return viewConnection(services, id)
}

const revokePatienceMs = 10_000

/**
 * Gives the grant back at the vendor, forgets the secrets, and keeps or erases what was read. It is over in any case: a
 * vendor that cannot be reached does not hold an admin back.
 * @returns whether the vendor took the grant back.
 */
export async function disconnect(
  services: Services,
  actorId: string,
  id: string,
  { mirror }: z.output<typeof Disconnect>,
): Promise<{ connection: Connection; revoked: boolean }> {
  const revoked = await revokeGrant(services, id)
  await change(services, async ({ tx, now, after }) => {
    const { row } = await lockOpen(services, tx, id, { mayBeUnknown: true })
    const reason = revoked ? null : 'The provider was not told: take the app’s access back there as well.'
    await setState(tx, id, now, { state: 'disconnected', reason })
    await updateConnection(tx, id, now, { writingOn: false })
    await forgetSecrets(tx, id)
    await sql`delete from oauth_states where connection_id = ${id}`.execute(tx)
    if (mirror === 'erase')
      await enqueue(tx, services.clock, {
        task: eraseMirror,
        payload: { connectionId: id, connector: row.connector },
      })
    await record(tx, now, actorId, 'connection.disconnected', id, { mirror, revoked })
    after(services.wakeJobs)
  })
  return { connection: await viewConnection(services, id), revoked }
}

async function revokeGrant(services: Services, id: string): Promise<boolean> {
  const signal = AbortSignal.timeout(revokePatienceMs)
  try {
    const states = ['connecting', 'active', 'paused', 'broken'] as const
    const { connector, connection } = await openConnection(services, id, { signal, priority: 'live', states })
    const { accessToken, refreshToken } = await tokenStore(services, id).read()
    // there is nothing to give back
    if (accessToken === null) return true
    if (connector.auth.kind !== 'oauth2' || !connector.auth.revoke) return false
    await connector.auth.revoke(connection, { accessToken, refreshToken })
    return true
  } catch (error) {
    // it ends here whatever the vendor says; the admin is told that it still counts there
    services.log.warn({ error, connection: id }, 'A grant was not revoked at the provider')
    return false
  }
}

/** @throws {NotFoundError} there is none, or it is over; or its connector is gone */
async function lockOpen(
  services: Services,
  tx: Tx,
  id: string,
  { mayBeUnknown = false } = {},
): Promise<{ row: ConnectionRow; connector: ConnectorDeclaration }> {
  const row = await lockConnection(tx, id)
  if (!row || row.state === 'disconnected') throw new NotFoundError('connection')
  const connector = services.connectors.get(row.connector)
  if (!connector && !mayBeUnknown) throw new NotFoundError(`connector as ${row.connector}`)
  return { row, connector: connector as ConnectorDeclaration }
}

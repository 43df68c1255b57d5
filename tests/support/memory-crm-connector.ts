import { randomUUID } from 'node:crypto'
import type { Connection, ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import type { Crm, CrmDeclaration } from '#connectors/sdk/crm.ts'
import {
  CursorExpiredError,
  DuplicateError,
  ProviderConflictError,
  ProviderRejectedError,
  ProviderUnavailableError,
  RateLimitedError,
  RecordGoneError,
} from '#connectors/sdk/errors.ts'
import type { RateLimit } from '#connectors/sdk/http.ts'
import { WriteBackRules } from '#core/contracts/connections.ts'
import { insertConnection, setState } from '#core/features/connections/repository.ts'
import { change, type Services } from '#core/services.ts'
import type { Answer } from './memory-crm-actions.ts'

export interface MemoryOptions {
  limit?: RateLimit
  /** Whether it can say whose history is not as it is known. */
  tellsStale?: boolean
}

/** The connector to a {@link MemoryCrm}. */
export function memoryConnector(
  connectorId: string,
  { limit = { requests: 100_000, perMs: 1_000, reserve: 0.1 }, tellsStale = false }: MemoryOptions = {},
): ConnectorDeclaration {
  const call = (action: string, args: unknown[], connection: Connection) =>
    callVendor(connection, action, args)
  const act =
    <A extends unknown[], R>(action: keyof CrmDeclaration) =>
    ({ connection }: Crm, ...args: A) =>
      call(action, args, connection) as Promise<R>
  return {
    id: connectorId,
    name: 'Memory',
    auth: {
      kind: 'oauth2',
      authorizeUrl: ({ standIn }) => `${standIn ?? 'https://crm.example'}/authorize`,
      tokenUrl: ({ standIn }) => `${standIn ?? 'https://crm.example'}/token`,
      scopes: ['people'],
      clientAuthentication: 'body',
      isGrantGone: () => false,
      steps: ['Enter {redirectUrl}.'],
      documentation: 'https://crm.example/docs',
    },
    settings: [],
    origins: ({ standIn }) => [standIn ?? 'https://crm.example'],
    limits: { calls: limit },
    identify: async () => ({ id: 'account', name: 'Memory' }),
    crm: {
      personTypes: [
        { type: 'Contact', label: 'Contact' },
        { type: 'Lead', label: 'Lead' },
      ],
      mapping: { Contact: {}, Lead: {} },
      activityKinds: ['email', 'call', 'task', 'meeting', 'note'],
      describe: async () => ({ types: {} }),
      owners: act('owners'),
      findPerson: act('findPerson'),
      readPerson: act('readPerson'),
      activities: act('activities'),
      allPeople: act('allPeople'),
      changes: act('changes'),
      ...(tellsStale ? { staleHistories: act('staleHistories') } : {}),
      createPerson: act('createPerson'),
      updatePerson: act('updatePerson'),
      logConversation: act('logConversation'),
      logMeeting: act('logMeeting'),
      previewOf: (write) => ({ record: write.type, values: [] }),
    },
  }
}

/** An active connection by that connector.
 *  @param set columns of `connections` that differ, as SQL would store them.
 *  @returns its id. */
export async function connectMemory(
  connectorId: string,
  services: Services,
  set: Record<string, unknown> = {},
): Promise<string> {
  const id = randomUUID()
  await change(services, async ({ tx, now }) => {
    await insertConnection(tx, now, {
      id,
      connector: connectorId,
      settings: {},
      clientId: 'client',
      mapping: {},
      writeBack: WriteBackRules.parse(set.write_back ?? {}),
    })
    await setState(tx, id, now, { state: 'active', reason: null })
  })
  for (const [column, value] of Object.entries(set))
    if (column !== 'write_back')
      await services.pool.query(`update connections set ${column} = $2 where id = $1`, [id, value])
  return id
}

const dates = new Set([
  'at',
  'since',
  'readAt',
  'changedAt',
  'from',
  'to',
  'startedAt',
  'endedAt',
  'start',
  'end',
])
/** JSON has no dates. */
export const revive = (key: string, value: unknown) =>
  dates.has(key) && typeof value === 'string' ? new Date(value) : value

async function callVendor(connection: Connection, action: string, args: unknown[]): Promise<unknown> {
  const answer = await connection.fetch(`${connection.standIn}/${action}`, {
    method: 'POST',
    body: JSON.stringify(args),
    limits: ['calls'],
    timeoutMs: 5_000,
  })
  if (answer.status !== 200) throw new ProviderUnavailableError('The CRM does not answer.', 'nothing')
  const body = JSON.parse(answer.text, revive) as Answer
  if ('ok' in body) return body.ok
  switch (body.error) {
    case 'gone':
      throw new RecordGoneError('The record is gone.')
    case 'cursor':
      throw new CursorExpiredError('The cursor is too old.')
    case 'limited':
      throw new RateLimitedError('The CRM asked us to wait.', 2_000, 'DAILY')
    case 'rejected':
      throw new ProviderRejectedError('The CRM requires a company.', ['Company'])
    case 'locked':
      throw new ProviderConflictError('The record is locked.')
    case 'duplicate':
      throw new DuplicateError('There is one already.', body.ids as string[])
    default:
      throw new Error(`The tests' CRM cannot do ${action}`)
  }
}

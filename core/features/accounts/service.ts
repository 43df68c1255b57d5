import { randomUUIDv7 } from 'node:crypto'
import { z } from 'zod'
import type { Account, AccountPage, SaveAccount } from '../../contracts/accounts.ts'
import { readPlace, writePlace } from '../../db/cursor.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError, InvalidInputError, NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { refuseStale } from '../content-version.ts'
import { toCell } from '../people/columns.ts'
import * as accounts from './repository.ts'

const pageSize = 100

/** The account list in the order of domains. @throws {InvalidInputError} for a cursor that is none */
export async function listAccounts(
  db: Db,
  { query = '', cursor }: { query?: string; cursor?: string },
): Promise<AccountPage> {
  const [after] =
    cursor === undefined
      ? ['']
      : readPlace(
          z.tuple([
            z
              .string()
              .max(253)
              .regex(/^[^\0]*$/),
          ]),
          cursor,
        )
  const rows = await accounts.readPage(db, { query, after, limit: pageSize + 1 })
  const page = rows.slice(0, pageSize)
  const last = page.at(-1)
  return {
    accounts: page,
    total: await accounts.count(db, query),
    nextCursor: rows.length > pageSize && last ? writePlace(last.domain) : null,
  }
}

/** @throws {ConflictError} `domain_taken` @throws {InvalidInputError} for an agent nobody knows */
export function createAccount(
  services: Services,
  actorId: string,
  account: z.output<typeof SaveAccount>,
): Promise<Account> {
  return change(services, async ({ tx, now }) => {
    const id = randomUUIDv7()
    await refuseUnknownAgent(tx, account.agentId)
    if (!(await accounts.insert(tx, { now, by: actorId }, id, account))) throw domainTaken(account.domain)
    await audit(tx, { now, actorId, action: 'account.created', objectType: 'account', objectId: id })
    return readAccount(tx, id)
  })
}

/** @param expected the version it replaces, if the caller says
 *  @throws {NotFoundError} @throws as {@link createAccount} @throws {ConflictError} `changed_meanwhile` */
export function saveAccount(
  services: Services,
  actorId: string,
  id: string,
  account: z.output<typeof SaveAccount>,
  expected?: string,
): Promise<Account> {
  return change(services, async ({ tx, now }) => {
    const before = await accounts.lock(tx, id)
    if (!before) throw new NotFoundError('account')
    const { changedBy } = before
    await refuseStale(tx, expected, before.account, { what: 'account', changedBy, actorId })
    await refuseUnknownAgent(tx, account.agentId)
    if (await accounts.isDomainTaken(tx, account.domain, id)) throw domainTaken(account.domain)
    await accounts.update(tx, { now, by: actorId }, id, account)
    await audit(tx, { now, actorId, action: 'account.changed', objectType: 'account', objectId: id })
    return readAccount(tx, id)
  })
}

/** @throws {NotFoundError} */
export function deleteAccount(services: Services, actorId: string, id: string): Promise<void> {
  return change(services, async ({ tx, now }) => {
    const domain = await accounts.remove(tx, id)
    if (domain === null) throw new NotFoundError('account')
    const detail = { domain }
    await audit(tx, { now, actorId, action: 'account.deleted', objectType: 'account', objectId: id, detail })
  })
}

/** The whole list as a CSV file that an import takes back unchanged, and a spreadsheet opens without running it. */
export async function* exportAccounts(db: Db): AsyncGenerator<string> {
  // the mark makes spreadsheets read it as UTF-8
  yield '\uFEFFDomain,Company,Agent\r\n'
  for await (const batch of accounts.readAll(db))
    yield batch
      .map(({ domain, company, agent }) => `${[domain, company, agent.email].map(toCell).join(',')}\r\n`)
      .join('')
}

const domainTaken = (domain: string) =>
  new ConflictError('domain_taken', `${domain} is in the list already. Change that account instead.`, {
    errors: [{ field: 'domain', message: `${domain} is in the list already.` }],
  })

async function refuseUnknownAgent(tx: Tx, id: string): Promise<void> {
  if (await accounts.agentExists(tx, id)) return
  const message = 'There is no such agent any more. Choose another one.'
  throw new InvalidInputError(message, [{ field: 'agentId', message }])
}

async function readAccount(tx: Tx, id: string): Promise<Account> {
  const account = await accounts.find(tx, id)
  if (!account) throw new NotFoundError('account')
  return account
}

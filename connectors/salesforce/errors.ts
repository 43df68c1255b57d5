import {
  type ConnectorError,
  CursorExpiredError,
  DuplicateError,
  ProviderAnswerError,
  ProviderConflictError,
  ProviderForbiddenError,
  ProviderRejectedError,
  ProviderUnavailableError,
  RateLimitedError,
  ReconnectNeededError,
  RecordGoneError,
} from '../sdk/errors.ts'
import { asId } from './ids.ts'

/** Refused, with Salesforce's own code: some are answered by another try. */
export class SalesforceRefusedError extends ProviderRejectedError {
  readonly errorCode: string
  constructor(message: string, errorCode: string, fields: string[]) {
    super(message, fields)
    this.errorCode = errorCode
  }
}

/** Converted meanwhile: its contact is to be written to. */
export class LeadConvertedError extends RecordGoneError {}

const minute = 60_000

interface Refusal {
  errorCode: string
  message: string
  fields: string[]
  entry: Record<string, unknown>
}

/**
 * What an error answer means. The code is the key, its status a hint.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
 */
export function errorFrom(status: number, body: unknown, isReading: boolean): ConnectorError {
  const refusal = refusalIn(body)
  if (!refusal) return errorOfStatus(status, isReading)
  const known = meanings[refusal.errorCode]?.(refusal)
  if (known) return known
  // a code that nobody documents, with a status that says enough
  if (status >= 500 || asksToWait(status) || status === 401) return errorOfStatus(status, isReading)
  const { message, errorCode, fields } = refusal
  return new SalesforceRefusedError(`Salesforce refused: ${message} (${errorCode})`, errorCode, fields)
}

/** The first entry: with several, the rest follows from it. */
function refusalIn(body: unknown): Refusal | null {
  const [entry] = Array.isArray(body) ? (body as Record<string, unknown>[]) : []
  const errorCode = entry?.errorCode ?? entry?.statusCode
  if (!entry || typeof errorCode !== 'string') return null
  const message = String(entry.message ?? '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300)
  const fields = Array.isArray(entry.fields) ? entry.fields.map(String) : []
  return { errorCode, message, fields, entry }
}

function errorOfStatus(status: number, isReading: boolean): ConnectorError {
  if (status === 401) return reconnect()
  if (status === 403)
    return new ProviderForbiddenError(
      'Salesforce refuses this. Check the permissions of the user that Foyer is connected as.',
    )
  if (status === 404)
    return new RecordGoneError(
      'Salesforce has no such record, or does not show it to the user that Foyer is connected as.',
    )
  if (asksToWait(status))
    return new RateLimitedError('Salesforce asks us to slow down.', 10_000, String(status))
  if (status >= 500)
    return new ProviderUnavailableError(
      `Salesforce does not work now (${status}). Foyer tries again by itself.`,
      isReading ? 'nothing' : 'unknown',
    )
  return new ProviderAnswerError(`Salesforce answered ${status} with something that it does not document.`)
}

const asksToWait = (status: number) => status === 420 || status === 429

const reconnect = () =>
  new ReconnectNeededError(
    'Salesforce does not accept our access any more: it was revoked, or the user was deactivated. Connect again.',
  )

const rejected = (say: (refusal: Refusal) => string) => (refusal: Refusal) =>
  new SalesforceRefusedError(say(refusal), refusal.errorCode, refusal.fields)
const forbidden = (sentence: string) => () => new ProviderForbiddenError(sentence)
const gone = (sentence: string) => () => new RecordGoneError(sentence)
const cursorExpired = () =>
  new CursorExpiredError('Salesforce does not tell changes from so long ago. Everything is read anew.')
const listed = (fields: string[]) => (fields.length > 0 ? fields.join(', ') : 'a field')

const meanings: Record<string, (refusal: Refusal) => ConnectorError> = {
  INVALID_SESSION_ID: reconnect,
  INVALID_AUTH_HEADER: reconnect,
  REQUEST_LIMIT_EXCEEDED: ({ message }) =>
    /concurrent/i.test(message)
      ? new RateLimitedError(
          'Too many long requests to Salesforce run at once, Foyer’s or others’. Foyer goes on in half a minute.',
          minute / 2,
          'ConcurrentRequests',
        )
      : new RateLimitedError(
          'Salesforce allows this organisation no more API calls for now: those of the last 24 hours are used up. See Setup → System Overview for who uses them. Foyer looks again every 15 minutes.',
          15 * minute,
          'REQUEST_LIMIT_EXCEEDED',
        ),
  API_DISABLED_FOR_ORG: forbidden(
    'This Salesforce edition has no API, or the user that Foyer is connected as lacks the permission "API Enabled". Turn it on in the user’s profile.',
  ),
  API_CURRENTLY_DISABLED: () =>
    new ProviderUnavailableError(
      'Salesforce maintains this organisation. Foyer tries again by itself.',
      'nothing',
    ),
  INSUFFICIENT_ACCESS_OR_READONLY: forbidden(
    'The user that Foyer is connected as may not change this record in Salesforce. Give it edit rights on leads, contacts and activities.',
  ),
  INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY: forbidden(
    'The user that Foyer is connected as may not use a record that this one belongs to (its owner, person or account). Check its sharing in Salesforce.',
  ),
  TXN_SECURITY_NO_ACCESS: forbidden('A transaction security policy in Salesforce refuses what Foyer does.'),
  NOT_FOUND: gone(
    'Salesforce has no such record, or does not show it to the user that Foyer is connected as.',
  ),
  ENTITY_IS_DELETED: gone('The record was deleted in Salesforce.'),
  CANNOT_UPDATE_CONVERTED_LEAD: () => new LeadConvertedError('The lead was converted in Salesforce.'),
  INVALID_CROSS_REFERENCE_KEY: ({ fields, ...refusal }) =>
    fields.includes('WhoId')
      ? new RecordGoneError('The person was deleted in Salesforce.')
      : rejected(() => `Salesforce has no record with the id in ${listed(fields)}. Choose another one.`)({
          ...refusal,
          fields,
        }),
  UNABLE_TO_LOCK_ROW: () =>
    new ProviderConflictError(
      'Somebody else is changing the record in Salesforce. Foyer tries again by itself.',
    ),
  CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY: (refusal) =>
    refusal.message.includes('UNABLE_TO_LOCK_ROW')
      ? new ProviderConflictError(
          'Somebody else is changing the record in Salesforce. Foyer tries again by itself.',
        )
      : rejected(({ message }) => `A trigger or flow in Salesforce failed (${message}).`)(refusal),
  DUPLICATES_DETECTED: ({ entry }) =>
    new DuplicateError('A duplicate rule in Salesforce found that there is such a person.', matchesIn(entry)),
  DUPLICATE_VALUE: ({ message }) =>
    new DuplicateError(
      'Salesforce has a record with this unique value.',
      [asId(/record with id: (\w+)/.exec(message)?.[1])].filter((id) => id !== undefined),
    ),
  REQUIRED_FIELD_MISSING: rejected(
    ({ fields }) =>
      `Salesforce requires ${listed(fields)}. Set a fixed value for it on the connector’s page.`,
  ),
  FIELD_CUSTOM_VALIDATION_EXCEPTION: rejected(
    ({ message }) => `A validation rule in Salesforce refused it (${message}).`,
  ),
  INVALID_EMAIL_ADDRESS: rejected(() => 'Salesforce does not accept the e-mail address.'),
  STRING_TOO_LONG: rejected(({ fields }) => `The value of ${listed(fields)} is too long for Salesforce.`),
  INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: rejected(
    ({ fields }) =>
      `Salesforce has no such value in the list of ${listed(fields)}. Choose one of its values.`,
  ),
  INVALID_FIELD_FOR_INSERT_UPDATE: ({ fields }) =>
    new ProviderForbiddenError(
      `The user that Foyer is connected as may not write ${listed(fields)} in Salesforce. Allow it in the field’s security, or change the mapping.`,
    ),
  INACTIVE_OWNER_OR_USER: rejected(
    () => 'The owner is not active in Salesforce any more. Choose another one.',
  ),
  QUERY_TIMEOUT: () =>
    new ProviderUnavailableError(
      'Salesforce took too long for a query. Foyer tries again by itself.',
      'nothing',
    ),
  EXCEEDED_ID_LIMIT: cursorExpired,
  INVALID_REPLICATION_DATE: cursorExpired,
}

/** Salesforce spells the key `duplicateResut`; the day it corrects that, this works on. */
function matchesIn(entry: Record<string, unknown>): string[] {
  const result = (entry.duplicateResut ?? entry.duplicateResult) as
    | { matchResults?: { matchRecords?: { record?: { Id?: unknown } }[] }[] }
    | undefined
  const ids = (result?.matchResults ?? []).flatMap(({ matchRecords }) =>
    (matchRecords ?? []).map(({ record }) => asId(record?.Id)),
  )
  return ids.filter((id) => id !== undefined)
}

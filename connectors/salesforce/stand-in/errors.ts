/** What Salesforce answers when it refuses: an array of one, with its status. */
export class ApiError extends Error {
  readonly status: number
  readonly errorCode: string
  readonly fields: string[]
  /** Further keys of the entry, such as the misspelt `duplicateResut`. */
  readonly more: Record<string, unknown>
  constructor(
    status: number,
    errorCode: string,
    message: string,
    { fields = [], more = {} }: { fields?: string[]; more?: Record<string, unknown> } = {},
  ) {
    super(message)
    this.status = status
    this.errorCode = errorCode
    this.fields = fields
    this.more = more
  }

  get body() {
    return [{ message: this.message, errorCode: this.errorCode, fields: this.fields, ...this.more }]
  }
}

export const malformed = (message: string) => new ApiError(400, 'MALFORMED_QUERY', message)

export const noSuchColumn = (field: string, type: string) =>
  new ApiError(
    400,
    'INVALID_FIELD',
    `No such column '${field}' on entity '${type}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.`,
  )

export const noSuchType = (type: string) =>
  new ApiError(400, 'INVALID_TYPE', `sObject type '${type}' is not supported.`)

export const notFound = () =>
  new ApiError(404, 'NOT_FOUND', 'Provided external ID field does not exist or is not accessible')

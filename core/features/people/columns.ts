/** The directory's columns in a file, in the order an export writes them. */
export const columns = ['email', 'name', 'jobTitle', 'phone', 'crmStatus', 'company', 'owner'] as const
export type Column = (typeof columns)[number]

/** What an export calls them. */
export const headings: Record<Column, string> = {
  email: 'Email',
  name: 'Name',
  jobTitle: 'Job title',
  phone: 'Phone',
  crmStatus: 'CRM status',
  company: 'Company',
  owner: 'Owner',
}

/** What people and the usual exports call them; compared without case, spaces and signs. */
const knownAs: Record<Column, readonly string[]> = {
  email: ['email', 'emailaddress', 'mail', 'workemail', 'primaryemail'],
  name: ['name', 'fullname', 'contact', 'contactname', 'displayname'],
  jobTitle: ['jobtitle', 'title', 'position', 'role', 'job'],
  phone: ['phone', 'phonenumber', 'telephone', 'tel', 'workphone', 'businessphone'],
  crmStatus: ['crmstatus', 'status', 'leadstatus', 'lifecyclestage', 'stage'],
  company: ['company', 'companyname', 'organisation', 'organization', 'account', 'accountname'],
  owner: ['owner', 'owneremail', 'contactowner', 'leadowner', 'accountowner', 'recordowner'],
}
const firstNames = ['firstname', 'givenname', 'forename']
const lastNames = ['lastname', 'surname', 'familyname']

/** At which places of a row each column stands; first and last name may make up the name. */
export type Layout = Partial<Record<Column, number[]>>

/** @returns the layout a heading row describes; columns nobody knows are left out. */
export function layoutOf(row: string[]): Layout {
  const names = row.map((name) => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, ''))
  const layout: Layout = {}
  for (const column of columns) {
    const at = names.findIndex((name) => knownAs[column].includes(name))
    if (at >= 0) layout[column] = [at]
  }
  if (!layout.name) {
    const parts = [firstNames, lastNames].map((known) => names.findIndex((name) => known.includes(name)))
    const found = parts.filter((at) => at >= 0)
    if (found.length > 0) layout.name = found
  }
  return layout
}

/** A cell that begins like this is a formula to a spreadsheet, and a formula can fetch and run things. */
const formula = /^[=+\-@\t\r\n＝＋－＠]/

/** One cell of an export: a formula is made text by the apostrophe that spreadsheets hide; the import takes it off. */
export function toCell(value: string | null): string {
  if (value === null) return ''
  const inert = formula.test(value) ? `'${value}` : value
  return /[",;\t\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}

export function fromCell(cell: string): string {
  const text = cell.trim()
  return text.startsWith("'") && formula.test(text.slice(1)) ? text.slice(1) : text
}

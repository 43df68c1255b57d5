import type { FieldName } from '#core/contracts/sites.ts'
import { t, words } from './words.ts'

export const autocomplete = {
  name: 'name',
  email: 'email',
  jobTitle: 'organization-title',
  phone: 'tel',
  company: 'organization',
} as const satisfies Record<FieldName, string>

export const inputType = {
  name: 'text',
  email: 'email',
  jobTitle: 'text',
  phone: 'tel',
  company: 'text',
} as const

/** What is wrong with an e-mail address in words, or null. Foyer decides; this only saves a trip for common slips. */
export const emailError = (email: string): string | null => {
  const [name, domain, ...rest] = email.trim().split('@')
  if (domain === undefined) return words.emailNoAt
  if (!name) return words.emailNoName
  if (rest.length > 0 || /\s/.test(email.trim())) return words.emailWrong
  if (!/.\.[^.]{2,}$/.test(domain)) return t('emailNoEnd', { domain })
  return null
}

/** What is wrong with a field as filled in, or null. */
export const fieldError = (name: FieldName, value: string, required: boolean): string | null => {
  if (!value.trim()) return required ? words[name === 'email' ? 'neededEmail' : 'needed'] : null
  if (name === 'email') return emailError(value)
  if (name === 'phone' && value.replace(/\D/g, '').length < 5) return words.phoneWrong
  return null
}

import en from './messages/en.ts'

export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }
/** A translation: the same keys as the English one. */
export type Catalogue = { [Key in keyof typeof en]: (typeof en)[Key] extends string ? string : Plural }
export type Word = keyof Catalogue

/** Further languages, loaded when a browser asks for them: `fr: () => import('./messages/fr.ts')`. */
const others: Record<string, () => Promise<{ default: Catalogue }>> = {}
const rightToLeft = ['ar', 'fa', 'he', 'ur']

/** The texts in the language chosen. Those with {names} in them, and plurals, go through `t`. */
export let words: Catalogue = en
let plurals = new Intl.PluralRules('en')
/** The reader's own variety of the language shown, so that en-GB gets its 24 hours: for Intl. */
export let locale = 'en'
export let direction: 'ltr' | 'rtl' = 'ltr'

/** Takes the first of the reader's languages there is a catalogue for. Call once, before anything is drawn. */
export const chooseLanguage = async (wanted: readonly string[]) => {
  const base = (tag: string) => tag.split('-')[0]?.toLowerCase() ?? ''
  const chosen = wanted.find((tag) => base(tag) === 'en' || base(tag) in others) ?? 'en'
  const load = others[base(chosen)]
  // A catalogue that does not come leaves English, which is always there.
  const loaded = load && (await load().catch(() => null))
  if (load && !loaded) return
  words = loaded?.default ?? en
  locale = chosen
  plurals = new Intl.PluralRules(chosen)
  direction = rightToLeft.includes(base(chosen)) ? 'rtl' : 'ltr'
}

/** The text for `word`, with {names} filled in. */
export const t = (word: Word, values: Record<string, string | number> = {}): string =>
  fill(words[word], values)

/** A text of some catalogue, with {names} filled in. */
export const fill = (text: string | Plural, values: Record<string, string | number>): string => {
  const form = typeof text === 'string' ? text : (text[plurals.select(Number(values.count))] ?? text.other)
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name]
    return typeof value === 'number' ? value.toLocaleString(locale) : (value ?? whole)
  })
}

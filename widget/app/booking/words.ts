import { fill, locale, type Plural } from '../words.ts'
import en from './en.ts'

type Booking = { [Key in keyof typeof en]: (typeof en)[Key] extends string ? string : Plural }

/** Further languages, loaded with the card. */
const others: Record<string, () => Promise<{ default: Booking }>> = {}

let words: Booking = en

/** Takes the catalogue of the language that the rest of the widget has. Call before a card is drawn. */
export const loadWords = async (): Promise<void> => {
  const load = others[locale.split('-')[0] ?? '']
  words = (load && (await load().catch(() => null)))?.default ?? en
}

/** The text for `word`, with {names} filled in. */
export const b = (word: keyof Booking, values: Record<string, string | number> = {}): string =>
  fill(words[word], values)

const word = /[\p{L}\p{N}\p{M}]+/gu
/** Scripts written without spaces: a run of them is no word, so it is cut into overlapping pairs. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u
/** PostgreSQL refuses a lexeme of more than 2,046 bytes. */
const longest = 200

/**
 * The words of a text as search knows them: compatibility forms and letter case made the same, signs left out. The
 * index and the query are cut by this one function, so what is typed meets what was said. PostgreSQL's own parser
 * takes twice the processor time and cuts addresses and decimals in ways a query does not.
 */
function wordsOf(text: string): string[] {
  const words: string[] = []
  for (const [run] of text.normalize('NFKC').toLowerCase().matchAll(word)) {
    if (unspaced.test(run)) words.push(...pairsOf(run))
    // the cut may go through a pair of surrogates, and half of one is no text
    else words.push(run.slice(0, longest).toWellFormed())
  }
  return words
}

function pairsOf(run: string): string[] {
  const letters = [...run]
  if (letters.length === 1) return [run]
  return letters.slice(1).map((letter, index) => `${letters[index]}${letter}`)
}

/** In UTF-16 units of at most three bytes: a tsvector counts to 2^20 bytes, and one of more is stored in silence and cannot
 *  be read again (tried: twenty long lines of rare letters). */
const portion = 300_000

/** The different words of a text, separated by blanks: one portion, or as many as tsvectors need. */
export function portionsOf(text: string): string[] {
  const words = new Set(wordsOf(text))
  const all = [...words].join(' ')
  if (all.length <= portion) return all === '' ? [] : [all]
  const portions: string[] = []
  let taken: string[] = []
  let length = 0
  for (const each of words) {
    if (length + each.length >= portion) {
      portions.push(taken.join(' '))
      taken = []
      length = 0
    }
    taken.push(each)
    length += each.length + 1
  }
  return [...portions, taken.join(' ')]
}

const atMost = 16

/** The different words of a query, as {@link wordsOf} cuts them. */
export const searchedWords = (query: string): string[] => [...new Set(wordsOf(query))].slice(0, atMost)

/** All of the query's words must occur; the last one may still be being typed.
 *  @returns a tsquery in PostgreSQL's own notation, or null when there is no word in it. */
export function queryOf(text: string): string | null {
  const words = searchedWords(text)
  // letters and digits only, so quoting needs no escapes
  return words.length > 0 ? `${words.map((each) => `'${each}'`).join(' & ')}:*` : null
}

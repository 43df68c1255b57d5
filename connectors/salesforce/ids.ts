const suffixLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'

/**
 * The 18-character form, in which two ids of one record are equal. Undefined: it is no id.
 * The 15-character form is told apart by upper and lower case, which the three letters at the end stand for.
 */
export function asId(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined
  if (/^[a-zA-Z0-9]{15}$/.test(text)) return text + suffixOf(text)
  if (!/^[a-zA-Z0-9]{15}[a-zA-Z0-5]{3}$/.test(text)) return undefined
  const fifteen = text.slice(0, 15)
  const suffix = text.slice(15).toUpperCase()
  // an id that went through something that makes all letters small: the suffix says which were not
  return /[A-Z]/.test(fifteen) ? fifteen + suffix : restored(fifteen, suffix)
}

function suffixOf(fifteen: string): string {
  return [0, 5, 10]
    .map((from) => {
      let bits = 0
      for (let i = 0; i < 5; i++) if (/[A-Z]/.test(fifteen[from + i] ?? '')) bits |= 1 << i
      return suffixLetters[bits]
    })
    .join('')
}

function restored(fifteen: string, suffix: string): string {
  const letters = [...fifteen].map((letter, at) => {
    const bits = suffixLetters.indexOf(suffix[Math.floor(at / 5)] ?? '')
    return bits & (1 << (at % 5)) ? letter.toUpperCase() : letter
  })
  return letters.join('') + suffix
}

/** One of the eight avatar colours, the same for an id everywhere and always. */
export function hueOf(id: string): number {
  let hash = 0
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0
  return (hash % 8) + 1
}

/** "Sofia Ricci" is SR, "Ōno" is Ō; null for a name without a letter. */
export function initialsOf(name: string | null): string | null {
  const words = (name ?? '').match(/[\p{L}\p{N}][^\s]*/gu) ?? []
  const first = words[0]
  const last = words.length > 1 ? words.at(-1) : undefined
  const letters = [first, last].map((word) => (word ? [...word][0] : '')).join('')
  return letters ? letters.toLocaleUpperCase() : null
}

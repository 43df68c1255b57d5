/** The same colour for the same person everywhere: as inbox-ui/parts/hue.ts, whose eight colours these are too. */
export const hueOf = (id: string): number =>
  ([...id].reduce((hash, letter) => (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0, 0) % 8) + 1

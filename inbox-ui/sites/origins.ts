/** "https://www.example.com/" as people paste it, one a line, as Foyer wants it. */
export function originsOf(lines: string): string[] {
  const origins = lines
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((line) => (URL.canParse(line) && /^https?:/i.test(line) ? new URL(line).origin : line))
  return [...new Set(origins)]
}

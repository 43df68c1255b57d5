import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/** What the widget may weigh on the wire, in bytes of gzip (UX.md): every page of a customer's pays for the loader; a
 *  visitor who opens the chat for all that comes before the first screen; one who goes on for the rest as well, with the
 *  booking card that only those load who are shown a calendar, or ask to book by themselves. */
const limits = { loader: 3 * 1024, opened: 35 * 1024, all: 60 * 1024 }

interface Chunk {
  file: string
  css?: string[]
  /** Keys of chunks that come with this one. */
  imports?: string[]
}

const dist = fileURLToPath(new URL('../../dist/widget/', import.meta.url))
const manifest: Record<string, Chunk> = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, 'utf8'))

/** A chunk's files with all it imports and all their styles: what a browser fetches before it runs. */
function withImports(key: string, seen = new Set<string>()): Set<string> {
  const chunk = manifest[key]
  if (!chunk) throw new Error(`The widget's manifest has no ${key}: run "npm run build" first.`)
  if (seen.has(chunk.file)) return seen
  for (const file of [chunk.file, ...(chunk.css ?? [])]) seen.add(file)
  for (const imported of chunk.imports ?? []) withImports(imported, seen)
  return seen
}

const weigh = (files: Iterable<string>) =>
  [...files]
    .map((file) => gzipSync(readFileSync(dist + file), { level: 9 }).length)
    .reduce((sum, size) => sum + size, 0)

const sent = globSync('assets/*', { cwd: dist }).filter((file) => !/\.(gz|br)$/.test(file))
const weights = {
  loader: weigh(['widget.js']),
  opened: weigh(['frame.html', ...withImports('frame.html')]),
  all: weigh(['frame.html', ...sent]),
}
const parts = ['loader', 'opened', 'all'] as const
for (const part of parts) console.log(`${part}: ${weights[part]} bytes of gzip, at most ${limits[part]}`)
process.exit(parts.some((part) => weights[part] > limits[part]) ? 1 : 0)

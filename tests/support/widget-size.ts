import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/** What the widget may weigh on the wire, in bytes of gzip (UX.md): every page of a customer's pays for the loader, every
 *  visitor who opens the chat for the frame with its script and style. */
const limits = { loader: 3 * 1024, frame: 35 * 1024 }

const dist = fileURLToPath(new URL('../../dist/widget/', import.meta.url))
const weigh = (patterns: string[]) =>
  globSync(patterns, { cwd: dist })
    .filter((file) => /\.(js|css|html|woff2|svg)$/.test(file))
    .map((file) => gzipSync(readFileSync(dist + file), { level: 9 }).length)

const weights = { loader: weigh(['widget.js']), frame: weigh(['frame.html', 'assets/*']) }
let heavy = false
for (const part of ['loader', 'frame'] as const) {
  if (weights[part].length === 0)
    throw new Error(`Nothing of the ${part} is built: run "npm run build" first.`)
  const bytes = weights[part].reduce((sum, size) => sum + size, 0)
  heavy ||= bytes > limits[part]
  console.log(`${part}: ${bytes} bytes of gzip, at most ${limits[part]}`)
}
process.exit(heavy ? 1 : 0)

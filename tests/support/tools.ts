import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program that the tests run beside Foyer: where it may be, and the Debian package that brings it. */
export interface Tool {
  readonly name: string
  readonly debianPackage: string
  /** Names looked up in PATH, or absolute paths, in order of preference. */
  readonly candidates: readonly string[]
}

export const chromium: Tool = {
  name: 'Chromium',
  debianPackage: 'chromium',
  candidates: [
    'chromium',
    'chromium-browser',
    'google-chrome-stable',
    'google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ],
}
/** The same engine without windows, tabs and notifications around it: a page costs little more than half. Where there is
 *  none, Chromium does as well. */
export const headlessChromium: Tool = {
  name: 'headless Chromium',
  debianPackage: 'chromium-headless-shell',
  candidates: ['chromium-headless-shell', ...chromium.candidates],
}
export const redisServer: Tool = {
  name: 'Redis',
  debianPackage: 'redis-server',
  candidates: ['redis-server', 'valkey-server'],
}
export const radicale: Tool = { name: 'Radicale', debianPackage: 'radicale', candidates: ['radicale'] }

export const tools: readonly Tool[] = [chromium, headlessChromium, redisServer, radicale]

/** The tool's executable as an absolute path, or undefined where this machine has none. */
export function findTool(tool: Tool): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  // a user's PATH often lacks the folders where Debian puts servers
  folders.push('/usr/bin', '/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin')
  return tool.candidates
    .flatMap((name) => (name.startsWith('/') ? [name] : folders.map((folder) => join(folder, name))))
    .find(isExecutable)
}

/** As findTool, for a test that cannot go on without it. */
export function pathOf(tool: Tool): string {
  const path = findTool(tool)
  if (!path) throw new Error(`${tool.name} is not on this machine; "npm test" installs it where it may.`)
  return path
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

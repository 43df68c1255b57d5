import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { AxeResults } from 'axe-core'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Frame,
  type Page,
} from 'playwright-core'
import { chromiumArguments } from './browser-arguments.ts'
import { atFileEnd } from './file-end.ts'
import { outlivesFile } from './opened.ts'
import { patienceMs } from './patience.ts'
import { chromium as chromiumTool, headlessChromium, pathOf } from './tools.ts'

/** Chromium's engine, and with `whole` all of Chromium as people run it, for what is not the engine's: notifications,
 *  what third parties may store. No permission is granted. */
export function launchBrowser({
  whole = false,
  args = [],
  ...options
}: {
  whole?: boolean
  args?: string[]
  handleSIGTERM?: boolean
} = {}): Promise<Browser> {
  const executablePath = pathOf(whole ? chromiumTool : headlessChromium)
  return chromium.launch({ executablePath, args: [...chromiumArguments(), ...args], ...options })
}

const shared = new Map<boolean, Promise<Browser>>()

/** The browser for all test files of this process, in which each person has a profile of their own: a start takes as much
 *  processor time as a page. What a file has left open in it is closed with the file. */
export async function sharedBrowser({ whole = false } = {}): Promise<Browser> {
  const running = await shared.get(whole)?.catch(() => undefined)
  const browser = running?.isConnected() ? running : await startShared(whole)
  atFileEnd(async () => void (await Promise.all(browser.contexts().map((context) => context.close()))))
  return browser
}

function startShared(whole: boolean): Promise<Browser> {
  if (shared.size === 0)
    // Vitest ends its processes by this signal; Playwright takes its browsers and their files away at an exit
    process.once('SIGTERM', () => {
      process.emit('exit', 0)
      process.kill(process.pid, 'SIGKILL')
    })
  const started = outlivesFile(() => launchBrowser({ whole, handleSIGTERM: false }))
  shared.set(whole, started)
  return started
}

/** A browser with a profile that it keeps in `folder`, set to let third parties store, as many people have it. */
export async function launchProfile(folder: string): Promise<BrowserContext> {
  await mkdir(`${folder}/Default`, { recursive: true })
  await writeFile(`${folder}/Default/Preferences`, JSON.stringify({ profile: { cookie_controls_mode: 0 } }))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: pathOf(chromiumTool),
    args: chromiumArguments(),
    viewport: sizes.desktop,
    reducedMotion: 'reduce',
  })
  context.setDefaultTimeout(patienceMs)
  return context
}

/** The three sizes at which every screen is looked at. */
export const sizes = {
  desktop: { width: 1_440, height: 900 },
  laptop: { width: 1_024, height: 768 },
  phone: { width: 390, height: 844 },
} as const

/** One person's browser: nothing shared with others. Errors on its pages end up in `errors`. */
export async function openPerson(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ context: BrowserContext; page: Page; errors: string[] }> {
  const context = await browser.newContext({ viewport: sizes.desktop, reducedMotion: 'reduce', ...options })
  context.setDefaultTimeout(patienceMs)
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  return { context, page, errors }
}

const results = fileURLToPath(new URL('../.results/', import.meta.url))

/** Keeps a picture for people who look at how Foyer looks: with FOYER_PICTURES=1, since drawing them takes long. */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (process.env.FOYER_PICTURES === '1') await keepPicture(page, name)
}

/** The same at every size, in both themes. Leaves the page dark, as on a phone. */
export async function screenshots(page: Page, name: string): Promise<void> {
  if (process.env.FOYER_PICTURES !== '1') return
  for (const colorScheme of ['light', 'dark'] as const)
    for (const [size, viewport] of Object.entries(sizes)) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize(viewport)
      await keepPicture(page, `${name}-${size}-${colorScheme}`)
    }
}

/** Under tests/.results (not committed). */
export async function keepPicture(page: Page, name: string): Promise<void> {
  await mkdir(`${results}screenshots`, { recursive: true })
  await page.screenshot({ path: `${results}screenshots/${name}.png`, animations: 'disabled' })
}

const everything = {
  runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
}
const colours = ['color-contrast', 'link-in-text-block']
const rules = {
  everything,
  colours: { runOnly: { type: 'rule', values: colours } },
  'all but colours': {
    ...everything,
    rules: Object.fromEntries(colours.map((name) => [name, { enabled: false }])),
  },
}

/** One line for each rule of WCAG 2.2 A and AA that something on the page or in the frame breaks. */
export async function accessibilityProblems(
  target: Page | Frame,
  which: keyof typeof rules = 'everything',
): Promise<string[]> {
  const source = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
  // evaluated, not added as a script element: the page's own policy forbids that, and rightly
  if (!(await target.evaluate('"axe" in window'))) await target.evaluate(await readFile(source, 'utf8'))
  // what passed is not wanted, and takes axe longer than what did not
  const options = { ...rules[which], iframes: false, resultTypes: ['violations'] }
  const { violations } = await target.evaluate<AxeResults>(`axe.run(document, ${JSON.stringify(options)})`)
  return violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${violation.help} (${node.target.join(' ')})`),
  )
}

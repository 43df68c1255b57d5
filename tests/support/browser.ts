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
import { chromium as chromiumTool, pathOf } from './tools.ts'

/** Chromium as people run it: third-party storage as strict as its defaults, no permission granted. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: pathOf(chromiumTool), args: chromiumArguments() })
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
  context.setDefaultTimeout(15_000)
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
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  return { context, page, errors }
}

const results = fileURLToPath(new URL('../.results/', import.meta.url))

/** Keeps a picture for people to look at, under tests/.results (not committed). */
export async function screenshot(page: Page, name: string): Promise<string> {
  await mkdir(`${results}screenshots`, { recursive: true })
  const path = `${results}screenshots/${name}.png`
  await page.screenshot({ path, animations: 'disabled' })
  return path
}

/** One line for each rule of WCAG 2.2 A and AA that something on the page or in the frame breaks. */
export async function accessibilityProblems(target: Page | Frame): Promise<string[]> {
  const source = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
  // evaluated, not added as a script element: the page's own policy forbids that, and rightly
  if (!(await target.evaluate('"axe" in window'))) await target.evaluate(await readFile(source, 'utf8'))
  const { violations } = await target.evaluate<AxeResults>(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], iframes: false })`,
  )
  return violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${violation.help} (${node.target.join(' ')})`),
  )
}

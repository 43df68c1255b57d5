import type { Frame, Page } from 'playwright-core'
import { expect } from 'vitest'
import { accessibilityProblems, sizes } from './browser.ts'
import { isSoak } from './soak.ts'

/** axe finds nothing on the page, or in the frame of it that is given: on a desk in the light theme; in the dark one, which differs in
 *  its colours only; and on a phone, whose colours are the desk's. In a soak on the phone in both themes, colours and all. */
export async function axeFindsNothing(page: Page, what: string, target: Page | Frame = page): Promise<void> {
  for (const [size, colorScheme, rules] of isSoak ? [...looks, ...furtherLooks] : looks) {
    await page.setViewportSize(sizes[size])
    await page.emulateMedia({ colorScheme })
    expect.soft(await accessibilityProblems(target, rules), `${what}, ${colorScheme}, ${size}`).toEqual([])
  }
  await page.setViewportSize(sizes.desktop)
}

const looks = [
  ['desktop', 'light', 'everything'],
  ['desktop', 'dark', 'colours'],
  ['phone', 'light', 'all but colours'],
] as const
const furtherLooks = [
  ['phone', 'light', 'colours'],
  ['phone', 'dark', 'colours'],
] as const

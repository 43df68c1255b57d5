import type { Frame, Page } from 'playwright-core'
import { expect } from 'vitest'
import { accessibilityProblems, sizes } from './browser.ts'
import { isSoak } from './soak.ts'

/** axe finds nothing on the page, or in the frame of it that is given: on a desk in both themes, which differ in their colours
 *  only, and on a phone in the light one; in a soak on the dark phone, too, whose colours are the dark desk's. */
export async function axeFindsNothing(page: Page, what: string, target: Page | Frame = page): Promise<void> {
  for (const size of ['desktop', 'phone'] as const) {
    await page.setViewportSize(sizes[size])
    for (const colorScheme of ['light', 'dark'] as const) {
      if (size === 'phone' && colorScheme === 'dark' && !isSoak) continue
      await page.emulateMedia({ colorScheme })
      const problems = await accessibilityProblems(target, colorScheme === 'light' ? 'everything' : 'colours')
      expect.soft(problems, `${what}, ${colorScheme}, ${size}`).toEqual([])
    }
  }
  await page.setViewportSize(sizes.desktop)
}

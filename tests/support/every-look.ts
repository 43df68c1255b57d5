import type { Frame, Page } from 'playwright-core'
import { expect } from 'vitest'
import { accessibilityProblems, sizes } from './browser.ts'
import { isSoak } from './soak.ts'

/** axe finds nothing on the page, or in the frame of it that is given: on a desk and on a phone, and there in both themes,
 *  which differ in their colours only. Those of the dark phone are the dark desk's, and are looked at in a soak. */
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

import type { Frame, Page } from 'playwright-core'
import { expect } from 'vitest'
import { accessibilityProblems, sizes } from './browser.ts'

/** axe finds nothing on the page, or in the frame of it that is given: in both themes, on a desk and on a phone. */
export async function axeFindsNothing(page: Page, what: string, target: Page | Frame = page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const size of ['desktop', 'phone'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize(sizes[size])
      const problems = await accessibilityProblems(target)
      expect.soft(problems, `${what}, ${colorScheme}, ${size}`).toEqual([])
    }
  await page.setViewportSize(sizes.desktop)
}

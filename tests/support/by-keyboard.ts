import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'

/** Waits until the keyboard is there. */
export async function focused(locator: Locator): Promise<void> {
  await expect.poll(() => hasFocus(locator), { message: `the keyboard is on ${locator}` }).toBe(true)
}

const hasFocus = (locator: Locator) =>
  locator.evaluate((element) => (element.getRootNode() as Document | ShadowRoot).activeElement === element)

/** As somebody would: one stop after the other until it is there. */
export async function tabTo(page: Page, locator: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  await locator.waitFor()
  for (let stops = 0; stops < 40; stops++) {
    if (await hasFocus(locator)) return
    await page.keyboard.press(key)
  }
  throw new Error(`Forty presses of ${key} do not reach ${locator}`)
}

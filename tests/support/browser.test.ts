import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { accessibilityProblems, launchBrowser, openPerson } from './browser.ts'

let browser: Browser

beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

test('a picture without a text and grey on grey are found, and nothing on a sound page', async () => {
  const { page } = await openPerson(browser)
  const html = (body: string) =>
    `<!doctype html><html lang="en"><title>Page</title><main><h1>Title</h1>${body}</main>`
  await page.setContent(html('<img src="data:,"><p style="color:#aaa;background:#999">Read me</p>'))
  const problems = await accessibilityProblems(page)
  expect(problems.map(ruleOf).sort()).toEqual(['color-contrast', 'image-alt'])
  expect((await accessibilityProblems(page, 'colours')).map(ruleOf)).toEqual(['color-contrast'])
  expect((await accessibilityProblems(page, 'all but colours')).map(ruleOf)).toEqual(['image-alt'])
  await page.setContent(html('<p>Read me</p>'))
  expect(await accessibilityProblems(page)).toEqual([])
})

const ruleOf = (problem: string) => problem.split(':')[0]

import type { Page } from './crm.ts'
import { ProviderAnswerError } from './errors.ts'

/** Every page from a cursor on (null: the first). @throws {ProviderAnswerError} the provider goes in circles */
export async function* pages<P extends Page<unknown>>(
  read: (cursor: string | null) => Promise<P>,
  from: string | null = null,
): AsyncGenerator<P> {
  const seen = new Set<string>()
  for (let cursor = from; ; ) {
    const page = await read(cursor)
    yield page
    if (page.cursor === null) return
    // a circle of many pages would fill the memory first; what vendors get wrong is the same page again
    if (page.cursor === cursor || seen.has(page.cursor))
      throw new ProviderAnswerError('The provider gives the same page again and again.')
    if (seen.size < 10_000) seen.add(page.cursor)
    cursor = page.cursor
  }
}

/** Every item of every page, one after the other. */
export async function* items<T>(read: (cursor: string | null) => Promise<Page<T>>): AsyncGenerator<T> {
  for await (const page of pages(read)) yield* page.items
}

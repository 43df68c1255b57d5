import { en } from './en/index.ts'
import { Format } from './format.ts'

/** Every text of the inbox. English has them all, so its shape is what any other language must fill. */
export type Messages = ReturnType<typeof en>
export type Catalogue = (format: Format) => Messages

/** One reader's language: what the inbox says, and how numbers and dates are written. */
export interface Language {
  text: Messages
  format: Format
}

type Catalogues = Readonly<Record<string, () => Promise<{ default: Catalogue }>>>

/** All but English, by language tag, loaded when a browser asks for one. A further language is one file here, whose
 *  default export is a `Catalogue`, and one line: `fr: () => import('./fr.ts')`. What it lacks does not compile. */
const others: Catalogues = {}

/** @param wanted the reader's languages, most wanted first, for the way dates and numbers are written */
export function english(wanted: readonly string[] = []): Language {
  const format = new Format(bestMatch(wanted, ['en'])?.locale ?? 'en')
  return { text: en(format), format }
}

/** The first of the reader's languages that Foyer speaks. English when there is none, or when its file does not come. */
export async function languageFor(
  wanted: readonly string[],
  catalogues: Catalogues = others,
): Promise<Language> {
  const match = bestMatch(wanted, ['en', ...Object.keys(catalogues)])
  const load = match && catalogues[match.known]
  if (!load) return english(wanted)
  try {
    const { default: catalogue } = await load()
    const format = new Format(match.locale)
    return { text: catalogue(format), format }
  } catch {
    // a page in another language is better than no page
    return english(wanted)
  }
}

/** Two tags speak alike when language and script are the same once Intl has filled in what they leave out: zh-HK is
 *  zh-Hant, pt-PT is content with pt-BR. The reader's own region goes on to decide how dates are written.
 *  @returns the tag that is known, and the reader's own; undefined when none is understood */
export function bestMatch(
  wanted: readonly string[],
  known: readonly string[],
): { known: string; locale: string } | undefined {
  const full = known.map((tag) => ({ tag, ...likely(tag) }))
  for (const locale of wanted) {
    const reader = likely(locale)
    if (!reader) continue
    const understood = full.filter(
      ({ language, script }) => language === reader.language && script === reader.script,
    )
    const match = understood.find(({ region }) => region === reader.region) ?? understood[0]
    if (match) return { known: match.tag, locale }
  }
  return undefined
}

function likely(tag: string) {
  try {
    const { language, script, region } = new Intl.Locale(tag).maximize()
    return { language, script, region }
  } catch {
    // not every browser setting is a language tag
    return undefined
  }
}

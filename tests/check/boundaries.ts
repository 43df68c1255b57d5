import { globSync, readFileSync } from 'node:fs'
import { dirname, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A rule of docs/architecture.md: files that match `from` must not import what matches `to`. */
interface Rule {
  from: RegExp
  to: RegExp
  except?: RegExp
  /** What this finds in both is the folder that both are in: theirs to import. */
  within?: RegExp
  because: string
}

export interface Violation {
  file: string
  imports: string
  because: string
}

const rules: Rule[] = [
  {
    from: /^core\//,
    to: /^connectors\/(?!sdk\/)/,
    except: /^core\/server\.ts$/,
    because: 'core names no provider: the entry points hand it the live list',
  },
  {
    from: /^core\//,
    to: /^workers\//,
    except: /^core\/server\.ts$/,
    because: 'core never imports workers; server.ts does, for the one-process mode',
  },
  {
    from: /^connectors\//,
    to: /^(core|workers|inbox-ui|widget)\//,
    because: 'a connector knows its provider and connectors/sdk, nothing else of Foyer',
  },
  {
    from: /^connectors\/(?!index\.ts)([^/]+)\//,
    to: /^connectors\/(?!sdk\/)/,
    within: /^connectors\/[^/]+\//,
    because: 'connectors do not know each other',
  },
  {
    from: /^workers\//,
    to: /^connectors\/(?!sdk\/)/,
    except: /^workers\/main\.ts$/,
    because: 'workers name no provider: the entry points hand them the live list',
  },
  {
    from: /^(inbox-ui|widget)\//,
    to: /^(core\/(?!contracts\/)|workers\/|connectors\/)/,
    except: /^(inbox-ui\/build\.ts|(inbox-ui|widget)\/.*vite.*\.config\.ts)$/,
    because: 'browsers import only core/contracts',
  },
  {
    from: /^widget\//,
    to: /^inbox-ui\//,
    because: 'the widget is small because it shares nothing with the inbox',
  },
  { from: /^inbox-ui\//, to: /^widget\//, because: 'the inbox and the widget are two applications' },
  {
    from: /^(core|workers|connectors|inbox-ui|widget)\//,
    to: /^tests\//,
    because: 'what runs for customers does not import tests',
  },
  {
    from: /^core\/contracts\//,
    to: /^(core\/(?!contracts\/)|workers\/|connectors\/|inbox-ui\/|widget\/)/,
    because: 'contracts stand on nothing but themselves',
  },
]

/** Browsers get the contracts as types; zod and its schemas would be heavier than the whole widget. */
const typesOnly = { from: /^(inbox-ui|widget)\//, to: /^core\/contracts\// }

/** Every import of `files` (paths from `root`) that breaks a rule of DESIGN's folders. */
export function findViolations(
  root: string,
  files: string[],
  read = (file: string) => readFileSync(file, 'utf8'),
) {
  return files.flatMap((file) =>
    importsOf(read(`${root}/${file}`)).flatMap(({ specifier, isType }): Violation[] => {
      const imports = resolve(file, specifier)
      if (!imports) return []
      const broken = rules.filter(
        (rule) =>
          rule.from.test(file) &&
          rule.to.test(imports) &&
          !rule.except?.test(file) &&
          !(rule.within && rule.within.exec(file)?.[0] === rule.within.exec(imports)?.[0]),
      )
      const violations = broken.map(({ because }) => ({ file, imports, because }))
      if (!isType && typesOnly.from.test(file) && typesOnly.to.test(imports))
        violations.push({
          file,
          imports,
          because: 'browsers take only types from the contracts: "import type"',
        })
      return violations
    }),
  )
}

/** Static imports, re-exports and dynamic imports of string literals. */
function importsOf(source: string): { specifier: string; isType: boolean }[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const statements = code.matchAll(/^\s*(?:import|export)\b(\s+type\b)?[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm)
  const bare = code.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm)
  const dynamic = code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)
  return [
    ...[...statements].map(([, type, specifier = '']) => ({ specifier, isType: type !== undefined })),
    ...[...bare, ...dynamic].map(([, specifier = '']) => ({ specifier, isType: false })),
  ]
}

/** The imported file as a path from the root; undefined for packages. */
function resolve(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1)
  if (specifier.startsWith('.')) return normalize(`${dirname(file)}/${specifier}`)
  return undefined
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const files = globSync('{core,workers,connectors,inbox-ui,widget}/**/*.{ts,svelte}', { cwd: root }).map(
    (file) => relative('.', file),
  )
  const violations = findViolations(root, files)
  for (const { file, imports, because } of violations) console.error(`${file} imports ${imports}: ${because}`)
  if (violations.length > 0) process.exit(1)
  console.log(`Imports of ${files.length} files keep to the folders' rules`)
}

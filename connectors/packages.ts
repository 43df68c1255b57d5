import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { whatIsWrongWith } from './sdk/check-declaration.ts'
import type { ConnectorDeclaration } from './sdk/contract.ts'
import * as sdk from './sdk/index.ts'

/**
 * Connectors that were installed as npm packages, in JavaScript (TypeScript under node_modules is refused by Node). Each
 * default-exports `(sdk) => declaration`. They run with all that Foyer may do: whoever starts Foyer names those trusted.
 * @param names of packages, no paths
 * @param from the folder whose node_modules they are in
 * @throws with one sentence that names the package
 */
export async function loadPackages(
  names: readonly string[],
  from = join(import.meta.dirname, '..'),
): Promise<ConnectorDeclaration[]> {
  const declarations: ConnectorDeclaration[] = []
  for (const name of names) {
    const declaration = await declarationOf(name, await load(name, from))
    const [wrong] = whatIsWrongWith(declaration)
    if (wrong) throw new Error(`The connector ${name} is not sound: ${wrong}`)
    declarations.push(declaration as ConnectorDeclaration)
  }
  return declarations
}

async function load(name: string, from: string): Promise<{ default?: unknown }> {
  let file: string
  try {
    file = createRequire(join(from, 'package.json')).resolve(name)
  } catch {
    throw new Error(
      `The connector ${name} is not installed: npm install ${name}, or take it out of FOYER_CONNECTORS.`,
    )
  }
  try {
    return await import(pathToFileURL(file).href)
  } catch (error) {
    throw new Error(`The connector ${name} cannot be loaded: ${firstLine(error)}`, { cause: error })
  }
}

async function declarationOf(name: string, { default: make }: { default?: unknown }): Promise<unknown> {
  if (typeof make !== 'function')
    throw new Error(
      `The connector ${name} is not sound: it must default-export a function that takes the sdk.`,
    )
  try {
    return await make(sdk)
  } catch (error) {
    throw new Error(`The connector ${name} cannot be loaded: ${firstLine(error)}`, { cause: error })
  }
}

const firstLine = (error: unknown) => String((error as Error | null)?.message ?? error).split('\n')[0]

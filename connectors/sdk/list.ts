import { whatIsWrongWith } from './check-declaration.ts'
import type { ConnectorDeclaration } from './contract.ts'

/** The connectors of this Foyer, by their ids. */
export type ConnectorList = ReadonlyMap<string, ConnectorDeclaration>

/** @throws with a sentence that names the connector and what is wrong with it. */
export function connectorList(declarations: readonly ConnectorDeclaration[]): ConnectorList {
  const list = new Map<string, ConnectorDeclaration>()
  for (const declaration of declarations) {
    const [wrong] = whatIsWrongWith(declaration)
    const id = String((declaration as Partial<ConnectorDeclaration> | null)?.id ?? 'without an id')
    if (wrong) throw new Error(`The connector ${id} is not sound: ${wrong}`)
    if (list.has(id)) throw new Error(`There are two connectors called ${id}.`)
    list.set(id, declaration)
  }
  return list
}

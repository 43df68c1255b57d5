import { salesforce } from './salesforce/index.ts'
import { connectorList } from './sdk/list.ts'

/** The connectors that come with Foyer. */
export const connectors = connectorList([salesforce])

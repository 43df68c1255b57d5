import { caldav } from './caldav/index.ts'
import { googleCalendar } from './google-calendar/index.ts'
import { hubspot } from './hubspot/index.ts'
import { loadPackages } from './packages.ts'
import { salesforce } from './salesforce/index.ts'
import { type ConnectorList, connectorList } from './sdk/list.ts'

/** The connectors that come with Foyer. */
const own = [salesforce, hubspot, googleCalendar, caldav]

/** Those, and the packages that the operator named. @throws with one sentence that says what is wrong with which */
export const installedConnectors = async (packages: readonly string[]): Promise<ConnectorList> =>
  connectorList([...own, ...(await loadPackages(packages))])

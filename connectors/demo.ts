import path from 'node:path'
import { createGoogleStandIn, type SavedGoogle } from './google-calendar/stand-in/index.ts'
import { seedSampleCalendars } from './google-calendar/stand-in/sample-calendars.ts'
import { createHubSpotStandIn } from './hubspot/stand-in/index.ts'
import { seedSamplePeople } from './hubspot/stand-in/sample-people.ts'
import type { SavedStore } from './hubspot/stand-in/store.ts'
import { SalesforceStandIn } from './salesforce/stand-in/index.ts'
import { fillWithPeople } from './salesforce/stand-in/people.ts'
import { type KeptStandIn, serveKeptStandIn } from './sdk/kept-stand-in.ts'

/** The app of Foyer at the sample vendors, as an admin enters it. */
const client = { clientId: 'foyer-demo', clientSecret: 'foyer-demo-secret' }

/** A vendor that runs beside the demo. */
export interface SampleVendor {
  /** Id of the connector that speaks to it. */
  connector: string
  origin: string
  clientId: string
  clientSecret: string
  /** As a person who is asked whether Foyer may. @returns where the browser is sent back to */
  agree(authorizeUrl: string): Promise<string>
  close(): Promise<void>
}

/** Salesforce, HubSpot and Google Calendar as far as Foyer knows them, with people in them; what is written there stays in `folder`.
 *  @param except connectors that have a stand-in already */
export function startSampleVendors(
  folder: string,
  now: () => Date,
  except: readonly string[],
): Promise<SampleVendor[]> {
  const standIns = {
    salesforce: salesforceOf(now),
    hubspot: hubspotOf(now),
    'google-calendar': googleOf(now),
  }
  return Promise.all(
    Object.entries(standIns)
      .filter(([connector]) => !except.includes(connector))
      .map(([connector, standIn]) => start(connector, standIn, path.join(folder, `${connector}.json`))),
  )
}

async function start(connector: string, standIn: KeptStandIn, file: string): Promise<SampleVendor> {
  const { origin, close } = await serveKeptStandIn(file, standIn)
  return {
    connector,
    origin,
    ...client,
    close,
    async agree(authorizeUrl) {
      const answer = await standIn.handle(new Request(`${authorizeUrl}&consent=allow`))
      const back = answer.headers.get('location')
      if (!back) throw new Error(`${connector} did not agree: ${answer.status} ${await answer.text()}`)
      return back
    },
  }
}

function salesforceOf(now: () => Date): KeptStandIn {
  const { clientId, clientSecret } = client
  const standIn = new SalesforceStandIn({
    now,
    oauth: { clients: { [clientId]: clientSecret }, consent: 'page' },
  })
  const { org, oauth, handle } = standIn
  return {
    handle,
    save: () => ({ org: org.save(), oauth: oauth.save() }),
    load(saved: { org: ReturnType<typeof org.save>; oauth: ReturnType<typeof oauth.save> }) {
      org.load(saved.org)
      oauth.load(saved.oauth)
    },
    seed: () => void fillWithPeople(org),
  }
}

function hubspotOf(now: () => Date): KeptStandIn {
  const standIn = createHubSpotStandIn({ now: () => now().getTime(), ...client, consent: 'page' })
  const { store, oauth, handle } = standIn
  return {
    handle,
    save: () => ({ store: store.save(), oauth: oauth.save() }),
    load(saved: { store: SavedStore; oauth: ReturnType<typeof oauth.save> }) {
      store.load(saved.store)
      oauth.load(saved.oauth)
    },
    seed: () => seedSamplePeople(standIn),
  }
}

function googleOf(now: () => Date): KeptStandIn {
  const { handle, store, save, load } = createGoogleStandIn({
    now: () => now().getTime(),
    ...client,
    consent: 'page',
  })
  return {
    handle,
    save,
    load: (saved: SavedGoogle) => load(saved),
    seed: () => seedSampleCalendars(store, now()),
  }
}

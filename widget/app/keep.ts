import { forget, idle, live } from '../protocol.ts'

/** Small texts that outlive the page, the same in all tabs of one site. */
export interface Keep {
  get(name: string): string | null
  /** Null takes it away. */
  set(name: string, value: string | null): void
  names(): string[]
  /** Says whether a chat goes on, so that the next page brings the frame back by itself. */
  goesOn(goes: boolean): void
  clear(): void
}

type Place = {
  siteKey: string
  /** The host page's own keeping, '' for nothing, null where it can keep nothing. */
  kept: string | null
  toHost: (value: string) => void
  /** Something changed in another tab. */
  onchange: () => void
  /** The frame's storage; its mere mention throws where the browser refuses it to a third party. */
  storage?: () => Storage
}

/** Keeps things in the iframe's own storage, which the host page cannot read. Where the browser refuses it there, or
 *  has emptied it while the host page remembers a session, the host page keeps them instead. */
export const openKeep = ({ siteKey, kept, toHost, onchange, storage = () => localStorage }: Place) => {
  const prefix = `foyer:${siteKey}:`
  let mine: Storage | null = null
  try {
    mine = storage()
    mine.setItem(`${prefix}try`, '1')
    mine.removeItem(`${prefix}try`)
  } catch {
    mine = null
  }
  if (kept?.startsWith(forget)) {
    for (const name of mine ? Object.keys(mine) : []) if (name.startsWith(prefix)) mine?.removeItem(name)
    kept = ''
    toHost('')
  }
  const remembers = kept !== null && kept !== ''
  const inFrame =
    mine !== null &&
    !(remembers && (kept as string).length > 1) &&
    (!remembers || mine.getItem(`${prefix}token`) !== null)
  return inFrame ? frameKeep(mine as Storage, prefix, toHost, onchange) : hostKeep(kept, toHost, onchange)
}

type Opened = { keep: Keep; hostChanged: (kept: string | null) => void }

const frameKeep = (
  storage: Storage,
  prefix: string,
  toHost: Place['toHost'],
  onchange: () => void,
): Opened => {
  // Storage may be full: what does not fit lives as long as the page.
  const spilled = new Map<string, string>()
  const names = () =>
    Object.keys(storage)
      .filter((name) => name.startsWith(prefix))
      .map((name) => name.slice(prefix.length))
  globalThis.addEventListener?.('storage', ({ key }) => {
    if (key === null || key.startsWith(prefix)) onchange()
  })
  const keep: Keep = {
    get: (name) => spilled.get(name) ?? storage.getItem(prefix + name),
    set(name, value) {
      spilled.delete(name)
      if (value === null) return storage.removeItem(prefix + name)
      try {
        storage.setItem(prefix + name, value)
      } catch {
        spilled.set(name, value)
      }
    },
    names: () => [...new Set([...names(), ...spilled.keys()])],
    goesOn: (goes) => toHost(goes ? live : idle),
    clear() {
      for (const name of names()) storage.removeItem(prefix + name)
      spilled.clear()
      toHost('')
    },
  }
  return { keep, hostChanged: () => {} }
}

const hostKeep = (kept: string | null, toHost: Place['toHost'], onchange: () => void): Opened => {
  const read = (text: string | null): Map<string, string> => {
    try {
      return new Map(Object.entries(JSON.parse(text?.slice(1) || '{}')))
    } catch {
      return new Map()
    }
  }
  let all = read(kept)
  let begins = kept?.startsWith(live) ? live : idle
  const write = () => toHost(begins + JSON.stringify(Object.fromEntries(all)))
  const keep: Keep = {
    get: (name) => all.get(name) ?? null,
    set(name, value) {
      if ((all.get(name) ?? null) === value) return
      if (value === null) all.delete(name)
      else all.set(name, value)
      write()
    },
    names: () => [...all.keys()],
    goesOn(goes) {
      const now = goes ? live : idle
      if (now === begins) return
      begins = now
      write()
    },
    clear() {
      all.clear()
      toHost('')
    },
  }
  return {
    keep,
    hostChanged(text) {
      all = read(text)
      onchange()
    },
  }
}

import type { Keep } from '../../widget/app/keep.ts'

/** One device's keeping, shared by its tabs: a change by one is told to the others a moment later. */
export class Device {
  readonly stored = new Map<string, string>()
  #tabs = new Map<object, () => void>()

  /** A tab's view of it. `onchange` is called when another tab changed something; `close` forgets the tab. */
  open(onchange: () => void): Keep & { close: () => void } {
    const tab = {}
    this.#tabs.set(tab, onchange)
    const tell = () => {
      for (const [other, told] of this.#tabs) if (other !== tab) queueMicrotask(told)
    }
    return {
      get: (name) => this.stored.get(name) ?? null,
      set: (name, value) => {
        if (!this.#tabs.has(tab)) return
        if (value === null) this.stored.delete(name)
        else this.stored.set(name, value)
        tell()
      },
      names: () => [...this.stored.keys()],
      goesOn: () => {},
      clear: () => {
        this.stored.clear()
        tell()
      },
      close: () => this.#tabs.delete(tab),
    }
  }
}

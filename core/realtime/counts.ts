/** What happened on the sockets of this process since it started, for /metrics. One for the process, as its memory and its
 *  processor time are. */
class Counts {
  readonly #byLabel = new Map<string, number>()

  add(label: string, by = 1): void {
    this.#byLabel.set(label, (this.#byLabel.get(label) ?? 0) + by)
  }

  all(): IterableIterator<[label: string, count: number]> {
    return this.#byLabel.entries()
  }
}

export const socketCounts = {
  /** By kind of person. */
  opened: new Counts(),
  /** Of those, people who had had another socket less than a minute before: lines that broke, and changes of page. */
  reconnected: new Counts(),
  /** Upgrades and sockets that Foyer itself turned away or ended, by reason. */
  refused: new Counts(),
  /** Frames that were answered with `refused`, by code. */
  framesRefused: new Counts(),
}

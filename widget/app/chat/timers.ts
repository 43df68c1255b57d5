/** One timer a name: a later one takes the place of the one before. */
export class Timers {
  #running = new Map<string, ReturnType<typeof setTimeout>>()

  set(name: string, afterMs: number, run: () => unknown) {
    this.stop(name)
    const timer = setTimeout(() => {
      this.#running.delete(name)
      run()
    }, afterMs)
    this.#running.set(name, timer)
  }

  stop(name: string) {
    clearTimeout(this.#running.get(name))
    this.#running.delete(name)
  }

  runs(name: string): boolean {
    return this.#running.has(name)
  }
}

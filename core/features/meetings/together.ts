import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * For many who ask the same at the same time: they share one answer, and each gets one that was looked for after they had asked. Who
 * comes while a look is under way waits for the next one, since that one may have passed by what happened in between.
 */
export class Together<T> {
  readonly #looks = new Map<string, Look<T>>()

  /** @param key the same for the same question @param look begun for the first who asks, on behalf of all who wait by then */
  ask(key: string, look: () => Promise<T>): Promise<T> {
    const under = this.#looks.get(key)
    if (!under) return this.#plan(key, nextTurn(), look).answer
    if (!under.begun) return under.answer
    under.next ??= this.#plan(key, under.answer.then(nothing, nothing), look)
    return under.next.answer
  }

  /** @param until whoever is read from the sockets before that is in it, too */
  #plan(key: string, until: Promise<unknown>, look: () => Promise<T>): Look<T> {
    const answer = until.then(() => {
      planned.begun = true
      this.#looks.set(key, planned)
      return look()
    })
    const planned: Look<T> = { answer, begun: false, next: null }
    if (!this.#looks.has(key)) this.#looks.set(key, planned)
    const forget = () => {
      if (planned.next === null) this.#looks.delete(key)
    }
    answer.then(forget, forget)
    return planned
  }
}

interface Look<T> {
  answer: Promise<T>
  begun: boolean
  /** For who came after it had begun. */
  next: Look<T> | null
}

const nothing = () => undefined

/** As {@link Together}, for questions that one look answers many of. */
export class Gathered<K, V> {
  readonly #together = new Together<Map<K, V>>()
  readonly #waiting = new Map<string, Set<K>>()
  readonly #look: (about: string, keys: K[]) => Promise<Map<K, V>>

  /** @param look the answers to all of these questions about one thing */
  constructor(look: (about: string, keys: K[]) => Promise<Map<K, V>>) {
    this.#look = look
  }

  async ask(about: string, key: K): Promise<V | undefined> {
    const waiting = this.#waiting.get(about) ?? new Set()
    this.#waiting.set(about, waiting.add(key))
    const answers = await this.#together.ask(about, () => {
      const keys = this.#waiting.get(about) ?? new Set()
      this.#waiting.delete(about)
      return this.#look(about, [...keys])
    })
    return answers.get(key)
  }
}

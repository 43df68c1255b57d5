/** Sounds, made rather than loaded. One tab of the browser sounds: the one that holds a lock every tab asks for once
 *  the browser lets it make a sound. */
export type SoundState = 'off' | 'blocked' | 'on' | 'elsewhere'

type Note = { hertz: number; at: number; seconds: number; volume: number }

const offerTune: Note[] = [
  { hertz: 659.25, at: 0, seconds: 0.35, volume: 0.16 },
  { hertz: 880, at: 0.14, seconds: 0.35, volume: 0.16 },
  { hertz: 1318.5, at: 0.28, seconds: 0.6, volume: 0.12 },
]
const messageTune: Note[] = [{ hertz: 740, at: 0, seconds: 0.3, volume: 0.07 }]

const lockName = 'foyer.sound'
/** From one chime to the next while an offer waits. */
const ringEveryMs = 5_000
/** A tune that could not begin by then is left out. */
const latestMs = 2_000

export class Sounds {
  #context: AudioContext | null = null
  #unlocked = $state(false)
  /** Tunes under way. */
  #sounding = 0
  #holds = $state(false)
  #elsewhere = $state(false)
  #ringing: ReturnType<typeof setInterval> | undefined
  readonly #wanted: () => boolean

  /** @param wanted whether the agent wants sounds at all */
  constructor(wanted: () => boolean) {
    this.#wanted = wanted
  }

  get state(): SoundState {
    if (!this.#wanted()) return 'off'
    if (this.#holds) return 'on'
    if (this.#elsewhere) return 'elsewhere'
    return this.#unlocked ? 'on' : 'blocked'
  }

  /** Watches for the gesture browsers ask for before a page may sound. */
  start(): () => void {
    const stopping = new AbortController()
    const { signal } = stopping
    this.#context = new AudioContext()
    const unlock = () => {
      if (!this.#unlocked) void this.#context?.resume().then(() => this.#check(signal))
    }
    addEventListener('click', unlock, { signal })
    addEventListener('keydown', unlock, { signal })
    document.addEventListener('visibilitychange', () => void this.#lookElsewhere(), { signal })
    this.#context.onstatechange = () => this.#check(signal)
    this.#check(signal)
    void this.#lookElsewhere()
    return () => {
      stopping.abort()
      this.ring(false)
      void this.#context?.close()
      this.#context = null
    }
  }

  offer = (): void => this.#play(offerTune)
  /** Goes on sounding, until it is told to stop. */
  ring = (on: boolean): void => {
    if (on === (this.#ringing !== undefined)) return
    clearInterval(this.#ringing)
    this.#ringing = on ? setInterval(this.offer, ringEveryMs) : undefined
  }
  message = (): void => this.#play(messageTune)
  /** As asked for by a press: whatever tab holds the lock. */
  try = (tune: 'offer' | 'message'): void => this.#play(tune === 'offer' ? offerTune : messageTune, true)

  #check(signal: AbortSignal): void {
    if (this.#unlocked || this.#context?.state !== 'running') return
    this.#unlocked = true
    this.#rest()
    // without a secure context there are no locks, and every open tab sounds
    if (!('locks' in navigator)) return
    navigator.locks
      .request(lockName, { signal }, () => {
        this.#holds = true
        return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      })
      .catch(() => {
        this.#holds = false
      })
    void this.#lookElsewhere()
  }

  async #lookElsewhere(): Promise<void> {
    if (!('locks' in navigator)) return
    const { held } = await navigator.locks.query()
    this.#elsewhere = held?.some(({ name }) => name === lockName) ?? false
  }

  #play(tune: Note[], always = false): void {
    if (!this.#unlocked || !this.#context) return
    if (!always && (!this.#wanted() || ('locks' in navigator && !this.#holds))) return
    void this.#sound(tune, this.#context)
  }

  async #sound(tune: Note[], context: AudioContext): Promise<void> {
    const asked = performance.now()
    this.#sounding++
    try {
      await context.resume()
      // a device that was away, or a laptop that slept: what comes late tells nothing any more
      if (performance.now() - asked < latestMs) await Promise.all(tune.map((note) => played(note, context)))
    } catch {
      // closed meanwhile
    } finally {
      this.#sounding--
      this.#rest()
    }
  }

  /** A context that runs takes a twenty-fifth of a core though nothing sounds, all day. */
  #rest(): void {
    const context = this.#context
    if (this.#sounding === 0 && context?.state === 'running') void context.suspend()
  }
}

/** @returns when it is over */
function played({ hertz, at, seconds, volume }: Note, context: AudioContext): Promise<void> {
  const begin = context.currentTime + 0.02 + at
  const oscillator = context.createOscillator()
  const gain = context.createGain()
  oscillator.type = 'sine'
  oscillator.frequency.value = hertz
  gain.gain.setValueAtTime(0, begin)
  gain.gain.linearRampToValueAtTime(volume, begin + 0.015)
  gain.gain.exponentialRampToValueAtTime(0.0001, begin + seconds)
  oscillator.connect(gain).connect(context.destination)
  return new Promise((resolve) => {
    oscillator.onended = () => resolve()
    oscillator.start(begin)
    oscillator.stop(begin + seconds + 0.05)
  })
}

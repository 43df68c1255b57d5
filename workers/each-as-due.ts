/** While some are under way others come due. */
const lookEveryMs = 1_000

/**
 * Does what is due until nothing is, each by itself: what takes long holds up nothing else. Any number of processes may: whoever takes
 * something has a lease on it.
 * @param take what is due by now, so many of it at most @param run logs its own failures
 * @throws what `take` throws, once everything under way is done
 */
export async function eachAsDue<T>(
  take: (atMost: number) => Promise<T[]>,
  run: (one: T) => Promise<void>,
  { signal, atOnce = Number.POSITIVE_INFINITY }: { signal: AbortSignal; atOnce?: number },
): Promise<void> {
  const underWay = new Set<Promise<void>>()
  const begin = (one: T) => {
    const running = run(one).finally(() => underWay.delete(running))
    underWay.add(running)
  }
  try {
    for (;;) {
      const places = atOnce - underWay.size
      if (places > 0 && !signal.aborted) for (const one of await take(places)) begin(one)
      if (underWay.size === 0) return
      await oneEnds(underWay, lookEveryMs)
    }
  } finally {
    await Promise.all(underWay)
  }
}

async function oneEnds(underWay: Set<Promise<void>>, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeIsUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, withinMs)
  })
  await Promise.race([...underWay, timeIsUp])
  clearTimeout(timer)
}

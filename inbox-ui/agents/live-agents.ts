import type { AvailabilityNews } from '../availability/availability-news.ts'
import type { Agents } from './agents.ts'

const checkMs = 1_000
/** Whose inbox is open changes without a word. */
const reachableMs = 20_000
/** Many lists must not ask at the same instant, when everybody's block begins. */
const spreadMs = 1_500

/** Keeps a list of agents as fresh as a page that has just been loaded: told of what somebody changes, asking when time
 *  changes something. @param now Foyer's time in ms @returns stops it */
export function keepFresh(agents: Agents, news: AvailabilityNews, now: () => number): () => void {
  const spread = Math.random() * spreadMs
  let lookedAt = now()
  const look = () => {
    lookedAt = now()
    void agents.load()
  }
  const stop = news.follow({
    changed: (id, availability) => agents.know(id, { availability }),
    missed: look,
  })
  const timer = setInterval(() => {
    const since = now() - lookedAt
    const isDue = agents.list?.some(
      ({ availability: { until } }) => until !== null && Date.parse(until) + spread <= now(),
    )
    const isSeen = document.visibilityState === 'visible'
    if ((isDue && since > 2 * checkMs) || (isSeen && since > reachableMs)) look()
  }, checkMs)
  return () => {
    stop()
    clearInterval(timer)
  }
}

import type { PageView } from '#core/contracts/widget.ts'
import type { FrameStart, FromFrame, HostPage, ToFrame } from '../protocol.ts'

/** The iframe's own address says for which site it is, and its fragment who embeds it and in which colours. A lie there
 *  only cuts the liar off: messages go to, and are taken from, that exact origin. */
export const readStart = (address: Location) => {
  const siteKey = new URLSearchParams(address.search).get('site') ?? ''
  try {
    const [hostOrigin, brand, theme]: FrameStart = JSON.parse(decodeURIComponent(address.hash.slice(1)))
    return { siteKey, hostOrigin, brand, theme }
  } catch {
    return { siteKey, hostOrigin: '', brand: '#2459dd', theme: 'system' as const }
  }
}

/** A fragment that is no route often carries a secret, so it goes no further than this. */
export const pageView = ([url, title, referrer]: HostPage): PageView => ({
  url: url.replace(/#(?![/!]).*/, '').slice(0, 2_000),
  title: title.slice(0, 300) || null,
  referrer: referrer.slice(0, 2_000) || null,
})

export type Host = { tell: (message: FromFrame) => void }

/** Listens to the page around the iframe and to nobody else, and says hello to it. */
export const meetHost = (hostOrigin: string, onmessage: (message: ToFrame) => void): Host => {
  const tell = (message: FromFrame) => {
    if (hostOrigin) window.parent.postMessage(message, hostOrigin)
  }
  window.addEventListener('message', ({ source, origin, data }: MessageEvent<ToFrame>) => {
    if (source === window.parent && source !== window && origin === hostOrigin) onmessage(data)
  })
  tell({ foyer: 'hello' })
  return { tell }
}

/** Where the person is. Addresses below /inbox: "", "c/:id", "meetings", "people", "settings/:section". */
export type Place =
  | { page: 'set-up' }
  | { page: 'inbox'; conversationId: string | null }
  | { page: 'meetings' }
  | { page: 'people' }
  | { page: 'settings'; section: string | null }
  | { page: 'not-found' }

export class Router {
  #url = $state.raw(new URL(location.href))
  readonly place: Place = $derived(placeOf(this.#url.pathname))
  readonly query: URLSearchParams = $derived(this.#url.searchParams)
  #guard: ((goOn: () => void) => boolean) | undefined

  /** Follows the browser's buttons and plain links until the returned function is called. */
  start(): () => void {
    const moved = () => {
      const wanted = new URL(location.href)
      if (this.#held(() => this.go(wanted.href))) history.pushState(null, '', this.#url)
      else this.#url = wanted
    }
    const clicked = (event: MouseEvent) => {
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey)
        return
      const link = event.target instanceof Element ? event.target.closest('a') : null
      if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return
      if (!/^\/inbox(\/|$)/.test(link.pathname)) return
      event.preventDefault()
      this.go(link.pathname + link.search)
    }
    addEventListener('popstate', moved)
    addEventListener('click', clicked)
    return () => {
      removeEventListener('popstate', moved)
      removeEventListener('click', clicked)
    }
  }

  /** Asked before the person goes elsewhere: whoever answers true holds them back, and may call `goOn` later, after
   *  giving the guard up. @returns gives it up */
  guard(guard: (goOn: () => void) => boolean): () => void {
    this.#guard = guard
    return () => {
      if (this.#guard === guard) this.#guard = undefined
    }
  }

  #held(goOn: () => void): boolean {
    return this.#guard?.(goOn) ?? false
  }

  go(address: string, { replace = false } = {}): void {
    const url = new URL(address, location.href)
    if (url.href === location.href) return
    if (this.#held(() => this.go(address, { replace }))) return
    history[replace ? 'replaceState' : 'pushState'](null, '', url)
    this.#url = url
  }
}

export const addresses = {
  inbox: '/inbox/',
  conversation: (id: string) => `/inbox/c/${id}`,
  meetings: '/inbox/meetings',
  people: '/inbox/people',
  settings: (section: string) => `/inbox/settings/${section}`,
}

export function placeOf(pathname: string): Place {
  const [first, second, third, ...rest] = pathname.split('/').filter(Boolean)
  if (first === 'setup' && !second) return { page: 'set-up' }
  if (first !== 'inbox' || rest.length > 0) return { page: 'not-found' }
  if (!second) return { page: 'inbox', conversationId: null }
  if (second === 'c' && third) return { page: 'inbox', conversationId: third }
  if (second === 'meetings' && !third) return { page: 'meetings' }
  if (second === 'people' && !third) return { page: 'people' }
  if (second === 'settings') return { page: 'settings', section: third ?? null }
  return { page: 'not-found' }
}

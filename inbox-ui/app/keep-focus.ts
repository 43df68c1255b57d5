/** Where the next Tab begins in what the page is about; in Settings past the list of its pages. */
export function toContent(): void {
  const content = document.getElementById('content')
  const target = content?.querySelector<HTMLElement>('main[tabindex]') ?? content
  target?.focus({ preventScroll: true })
}

/** When what had the focus is taken away (an offer that closes, a chat that leaves the list), the focus goes to the
 *  content instead of to nowhere, so that the next Tab begins there. @returns what stops it */
export function keepFocus(within: HTMLElement): () => void {
  let last: Element | null = null
  const remember = (event: FocusEvent) => {
    last = event.target instanceof Element ? event.target : null
  }
  const observer = new MutationObserver(() => {
    if (!last || last.isConnected || document.activeElement !== document.body) return
    last = null
    toContent()
  })
  within.addEventListener('focusin', remember)
  observer.observe(within, { childList: true, subtree: true })
  return () => {
    within.removeEventListener('focusin', remember)
    observer.disconnect()
  }
}

/**
 * The button of a group that a key leads to from the one that has the keyboard: arrows by where the buttons stand, Home and End
 * to the first and the last. Undefined where there is none, and for every other key.
 * @param group holds the buttons, each marked `data-roves`
 */
export function towards(key: string, group: HTMLElement): HTMLElement | undefined {
  const all = [...group.querySelectorAll<HTMLElement>('[data-roves]')]
  const from = all.indexOf(document.activeElement as HTMLElement)
  if (from < 0) return undefined
  const forwards = getComputedStyle(group).direction === 'rtl' ? 'ArrowLeft' : 'ArrowRight'
  switch (key) {
    case 'Home':
      return all[0]
    case 'End':
      return all.at(-1)
    case 'ArrowLeft':
    case 'ArrowRight':
      return all[key === forwards ? from + 1 : from - 1]
    case 'ArrowDown':
      return nearest(all[from], all.slice(from + 1))
    case 'ArrowUp':
      return nearest(all[from], all.slice(0, from).reverse())
    default:
      return undefined
  }
}

/** Of those in the next row, the one that stands above or below. */
function nearest(from: HTMLElement | undefined, following: HTMLElement[]): HTMLElement | undefined {
  const row = following.find((one) => one.offsetTop !== from?.offsetTop)?.offsetTop
  const left = from?.offsetLeft ?? 0
  return following
    .filter((one) => one.offsetTop === row)
    .sort((a, b) => Math.abs(a.offsetLeft - left) - Math.abs(b.offsetLeft - left))[0]
}

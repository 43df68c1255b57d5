export type Shortcut = 'go-to' | 'help' | 'accept' | 'next' | 'previous' | 'end' | 'reply' | 'note' | 'share'

const singleKeys: Record<string, Shortcut> = {
  '?': 'help',
  a: 'accept',
  j: 'next',
  k: 'previous',
  r: 'reply',
  n: 'note',
  e: 'end',
  c: 'share',
}

type Pressed = Pick<
  KeyboardEvent,
  'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'isComposing' | 'repeat' | 'target' | 'defaultPrevented'
>

/** What a key means. Single keys only outside text fields, only where the agent wants them, and not while something lies
 *  over the page: in a menu a letter finds its entry. */
export function shortcutOf(event: Pressed, wantsSingleKeys: boolean): Shortcut | null {
  if (event.isComposing || event.defaultPrevented) return null
  const key = event.key.toLowerCase()
  if ((event.ctrlKey || event.metaKey) && !event.altKey) return key === 'k' ? 'go-to' : null
  if (event.altKey || !wantsSingleKeys || isTextField(event.target) || isCovered()) return null
  const shortcut = singleKeys[key] ?? null
  return event.repeat && shortcut !== 'next' && shortcut !== 'previous' ? null : shortcut
}

/** Whether a dialog, a menu or a popover lies over the page. */
export const isCovered = (): boolean =>
  document.querySelector('[role="dialog"][data-state="open"], [role="menu"], [data-popover-content]') !== null

function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (
    target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  )
    return true
  const notText = ['checkbox', 'radio', 'button', 'submit', 'color', 'range', 'file']
  return target instanceof HTMLInputElement && !notText.includes(target.type)
}

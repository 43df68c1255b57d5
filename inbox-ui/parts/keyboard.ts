import { tick } from 'svelte'

/** A form that opens where a button was takes the keyboard over from it: at what is chosen, else at its first field. */
export function toFirstField(form: HTMLElement): void {
  const field =
    form.querySelector<HTMLElement>('input:checked') ?? form.querySelector<HTMLElement>('input:enabled')
  field?.focus()
}

/** What was pressed may be gone or hidden by now, and the keyboard with it: then `instead` gets it. Call once the page is
 *  drawn anew. */
export function keepKeyboard(instead: () => HTMLElement | undefined): void {
  requestAnimationFrame(() => {
    const { activeElement } = document
    // the page as a whole stands in for what went: see keep-focus.ts
    const isLost = activeElement?.matches('body, #content, #content main[tabindex]')
    if (isLost || !activeElement?.checkVisibility()) instead()?.focus()
  })
}

/** Once the form says what is wrong, the keyboard goes to the first field that is. */
export async function toFirstWrong(form: HTMLElement): Promise<void> {
  await tick()
  form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
}

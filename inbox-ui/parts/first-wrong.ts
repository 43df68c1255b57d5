import { tick } from 'svelte'

/** Once the form says what is wrong, the keyboard goes to the first field that is. */
export async function toFirstWrong(form: HTMLElement): Promise<void> {
  await tick()
  form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
}

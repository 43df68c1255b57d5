import type { FrameLocator, Locator, Page } from 'playwright-core'

/** A booking card in the widget or on a page of its own, found by the roles and names of UX.md. */
export class BookingCardScreen {
  readonly #within: FrameLocator | Page

  constructor(within: FrameLocator | Page) {
    this.#within = within
  }

  get card(): Locator {
    return this.#within.getByRole('group', { name: /^(Book a meeting|Meeting) with / })
  }

  /** Named by their time: "09:00", "2:30 AM GMT+1". */
  get slots(): Locator {
    return this.card.getByRole('button', { name: /^\d{1,2}:\d\d/ })
  }

  /** Named "Mon 1 June". */
  get days(): Locator {
    return this.card.getByRole('group', { name: 'Day' }).locator('[aria-pressed]')
  }

  button(name: string | RegExp): Locator {
    return this.card.getByRole('button', { name, exact: typeof name === 'string' })
  }

  field(name: string): Locator {
    return this.card.getByRole('textbox', { name, exact: true })
  }

  /** Waits until the card says this somewhere. */
  async says(text: string | RegExp): Promise<void> {
    await this.card.getByText(text).first().waitFor()
  }

  /** Takes a free time, and says who comes where that is not known. */
  async books({ slot = 0, name = '', email = '' } = {}): Promise<void> {
    await this.slots.nth(slot).click()
    if (name) await this.field('Name').fill(name)
    if (email) await this.field('Email').fill(email)
    await this.button('Confirm').click()
  }
}

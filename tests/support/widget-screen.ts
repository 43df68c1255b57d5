import type { FrameLocator, Locator, Page } from 'playwright-core'

/** Who asks, and what, unless a test says otherwise. */
export const someone = { name: 'Sofia Ricci', email: 'sofia.ricci@northwind.test' }
export const question = 'Do the racks come in blue?'

/** The chat as a visitor meets it on a customer's page, found by the roles and names of UX.md. */
export class WidgetScreen {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  get launcher(): Locator {
    return this.page.getByRole('button', { name: 'Open chat' })
  }

  get frame(): FrameLocator {
    return this.page.frameLocator('iframe[title="Chat"]')
  }

  get dialog(): Locator {
    return this.frame.getByRole('dialog', { name: 'Chat' })
  }

  get log(): Locator {
    return this.frame.getByRole('log', { name: 'Messages' })
  }

  get message(): Locator {
    return this.field('Message')
  }

  button(name: string): Locator {
    return this.frame.getByRole('button', { name, exact: true })
  }

  field(name: string): Locator {
    return this.frame.getByRole('textbox', { name, exact: true })
  }

  /** Opens the panel. Ends with what it shows first, not with what it loads. */
  async open(): Promise<void> {
    await this.launcher.click()
    await this.dialog.waitFor()
  }

  /** Greeting, form, request. */
  async asks({
    name = someone.name,
    email = someone.email,
    text = question,
  }: {
    name?: string
    email?: string
    text?: string
  } = {}): Promise<void> {
    await this.open()
    await this.button('Chat with us').click()
    await this.field('Name').fill(name)
    await this.field('Email').fill(email)
    await this.message.fill(text)
    await this.button('Start chat').click()
    await this.log.waitFor()
  }

  /** Writes and sends. Does not wait for Foyer. */
  async say(text: string): Promise<void> {
    await this.message.fill(text)
    await this.message.press('Enter')
  }

  async endsChat(): Promise<void> {
    await this.button('More').click()
    await this.button('End chat').click()
    await this.says('You ended the chat. Write again any time.')
  }

  /** Waits until the panel says this somewhere. */
  async says(text: string | RegExp): Promise<void> {
    await this.frame.getByText(text).first().waitFor()
  }

  /** What was said, in order, without system lines. */
  said(): Promise<string[]> {
    return this.log.locator('.say').allInnerTexts()
  }
}

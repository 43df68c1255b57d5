import type { Locator, Page } from 'playwright-core'

/** By a link to this place of the inbox, such as `settings/teams`: the page stays loaded, which takes a tenth of loading it. */
export async function follow(page: Page, place: string): Promise<void> {
  await page.evaluate((href) => {
    const link = Object.assign(document.createElement('a'), { href })
    document.body.append(link)
    link.click()
    link.remove()
  }, `/inbox/${place}`)
}

/** The inbox as an agent meets it, found by the roles and names of UX.md. */
export class InboxScreen {
  readonly page: Page
  readonly #origin: string

  constructor(page: Page, origin: string) {
    this.page = page
    this.#origin = origin
  }

  async signIn({ email, password }: { email: string; password: string }): Promise<void> {
    await this.page.goto(`${this.#origin}/inbox`)
    await this.page.getByRole('textbox', { name: 'Email' }).fill(email)
    await this.page.getByLabel('Password').fill(password)
    await this.button('Sign in').click()
    await this.ready()
  }

  /** Signed in without the form, which has tests of its own, at this place of the inbox. */
  async enter({ email, password }: { email: string; password: string }, place = ''): Promise<void> {
    const answer = await this.page.request.post(`${this.#origin}/api/v1/sign-in`, {
      data: { email, password },
      headers: { origin: this.#origin },
    })
    if (!answer.ok()) throw new Error(`${email} cannot sign in: ${await answer.text()}`)
    await this.page.goto(`${this.#origin}/inbox/${place}`)
    await (place ? this.available.waitFor() : this.ready())
  }

  /** The socket has brought its snapshot: from now on offers come here. */
  async ready(): Promise<void> {
    await this.available.waitFor()
    await this.page.getByRole('button', { name: /^Missed \d/ }).waitFor()
  }

  get available(): Locator {
    return this.page.getByRole('switch', { name: 'Available' })
  }

  get offers(): Locator {
    return this.page.getByRole('alert').filter({ has: this.page.getByRole('button', { name: 'Accept' }) })
  }

  get log(): Locator {
    return this.page.getByRole('log', { name: 'Messages' })
  }

  get message(): Locator {
    return this.page.getByRole('textbox', { name: 'Message' })
  }

  get rows(): Locator {
    return this.page.getByRole('list', { name: 'Conversations' }).getByRole('listitem')
  }

  get visitor(): Locator {
    return this.page.getByRole('complementary', { name: 'Visitor' })
  }

  get history(): Locator {
    return this.page.getByRole('region', { name: 'Activity history' })
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: typeof name === 'string' })
  }

  /** Accepts the oldest offer and waits for its chat. */
  async accept(): Promise<void> {
    await this.offers.first().getByRole('button', { name: 'Accept' }).click()
    await this.message.waitFor()
  }

  /** Writes and sends. Does not wait for Foyer. */
  async say(text: string): Promise<void> {
    await this.message.fill(text)
    await this.message.press('Enter')
  }

  /** Waits until the open chat holds this. */
  async hears(text: string): Promise<void> {
    await this.log.getByText(text).first().waitFor()
  }

  async show(view: 'Active' | 'All'): Promise<void> {
    await this.page.getByRole('tab', { name: view }).click()
  }

  /** What was said in the open chat, in order, without system lines. */
  said(): Promise<string[]> {
    return this.log.locator('.bubble').allInnerTexts()
  }
}

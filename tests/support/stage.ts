import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import type { SiteSettings } from '#core/contracts/sites.ts'
import type { StartConversation } from '#core/contracts/widget.ts'
import type { AgentActor } from './agent-actor.ts'
import { keepPicture, openPerson, sharedBrowser } from './browser.ts'
import { type AnAgent, anAgent } from './factories.ts'
import { atFileEnd } from './file-end.ts'
import { type FoyerOptions, startFoyer, type TestFoyer } from './foyer.ts'
import { type HostPage, type HostPageOptions, startHostPage } from './host-page.ts'
import { InboxScreen } from './inbox-screen.ts'
import type { VisitorActor } from './visitor-actor.ts'
import { question, someone, WidgetScreen } from './widget-screen.ts'

export interface StageOptions extends FoyerOptions {
  site?: Partial<SiteSettings>
  /** Of the customer's page. */
  host?: (foyer: string) => Pick<HostPageOptions, 'csp' | 'head'>
}

/** What the first request asks for on most stages. */
const nameAndEmail: SiteSettings['fields'] = [
  { name: 'name', required: true },
  { name: 'email', required: true },
]

/** Where end-to-end tests play: a Foyer, a browser, and a customer's page on another site than Foyer. People who come
 *  on during a test leave with it; what they saw when it failed lies in tests/.results/screenshots. */
export class Stage {
  readonly foyer: TestFoyer
  readonly browser: Browser
  readonly host: HostPage

  constructor(foyer: TestFoyer, browser: Browser, host: HostPage) {
    this.foyer = foyer
    this.browser = browser
    this.host = host
  }

  /** An agent with the inbox open; available round the clock unless the options say otherwise. A page takes a second of
   *  processor time: where nothing is looked at on it, {@link agentOffStage} does as well.
   *  @param options.at where in the inbox, such as `settings/teams`
   *  @param options.stays until the file ends, for several tests; call it in `beforeAll`
   *  @param options.movableClock for {@link passTime} */
  async agent(
    options: Parameters<typeof anAgent>[2] & {
      at?: string
      stays?: boolean
      browser?: BrowserContextOptions
      movableClock?: boolean
    } = {},
  ): Promise<InboxScreen & { row: AnAgent }> {
    const { at, stays = false, browser, movableClock = false, ...row } = options
    const { pool, clock } = this.foyer
    const made = stays ? await anAgent(pool, clock.now(), row) : await this.hire(row)
    const { page, context } = stays
      ? await openPerson(this.browser, browser)
      : await this.person(made.name, browser)
    if (movableClock) await context.clock.install()
    const inbox = new InboxScreen(page, this.foyer.origin)
    await inbox.enter(made, at)
    return Object.assign(inbox, { row: made })
  }

  /** An agent whose inbox nobody looks at: no browser, only what it says to Foyer. */
  async agentOffStage(options: Parameters<typeof anAgent>[2] = {}): Promise<AgentActor> {
    const actor = await this.foyer.signIn(await this.hire(options))
    onTestFinished(() => actor.leaves())
    return actor
  }

  /** The same of a visitor. */
  async visitorOffStage(fields: StartConversation['fields'] = someone): Promise<VisitorActor> {
    const actor = await this.foyer.visitor({ fields, page: { url: this.host.url } })
    onTestFinished(() => actor.leaves())
    return actor
  }

  /** Moves Foyer's clock on, and those of the pages together with it. More than a minute would look to a page as if its
   *  machine had slept. */
  async passTime(ms: number, pages: Page[]): Promise<void> {
    this.foyer.advance(ms)
    await Promise.all(pages.map((page) => page.clock.fastForward(ms)))
  }

  /** An agent who has not come in yet. */
  async hire(options: Parameters<typeof anAgent>[2] = {}): Promise<AnAgent> {
    const { pool, clock } = this.foyer
    const made = await anAgent(pool, clock.now(), options)
    // who was on stage a moment ago still counts as reachable, and must not be asked in the next test
    onTestFinished(async () => {
      await pool.query('update agents set active = false where id = $1', [made.id])
    })
    return made
  }

  /** Somebody on the customer's page, the chat still closed. */
  async visitor({
    url = this.host.url,
    browser,
    whole,
  }: {
    url?: string
    browser?: BrowserContextOptions
    whole?: boolean
  } = {}): Promise<WidgetScreen> {
    const widget = new WidgetScreen((await this.person('visitor', browser, { whole })).page)
    await widget.page.goto(url)
    return widget
  }

  /** An agent and a visitor in an active chat, its first message said and seen. */
  async chat(
    options: { name?: string; email?: string; text?: string } = {},
  ): Promise<{ agent: InboxScreen & { row: AnAgent }; visitor: WidgetScreen }> {
    const [agent, visitor] = await Promise.all([this.agent(), this.visitor()])
    await visitor.asks(options)
    await agent.accept()
    await visitor.says(agent.row.name.concat(' joined'))
    return { agent, visitor }
  }

  /** The same where only the agent's side is looked at. */
  async chatInInbox({
    text = question,
    ...fields
  }: {
    name?: string
    email?: string
    text?: string
  } = {}): Promise<{
    agent: InboxScreen & { row: AnAgent }
    visitor: VisitorActor
    id: string
  }> {
    const [agent, visitor] = await Promise.all([
      this.agent(),
      this.visitorOffStage({ ...someone, ...fields }),
    ])
    const { id } = await visitor.asks(text)
    await agent.accept()
    return { agent, visitor, id }
  }

  /** The same where only the visitor's side is looked at. */
  async chatInWidget(
    options: { name?: string; email?: string; text?: string } = {},
  ): Promise<{ agent: AgentActor; visitor: WidgetScreen; id: string }> {
    const [agent, visitor] = await Promise.all([this.agentOffStage(), this.visitor()])
    await visitor.asks(options)
    const { id } = await agent.accepts()
    await visitor.says(agent.me.name.concat(' joined'))
    return { agent, visitor, id }
  }

  /** A browser profile of one's own, which leaves with the test.
   *  @param options.whole all of Chromium rather than its engine, see launchBrowser: a page takes twice as much */
  async person(
    name: string,
    options: BrowserContextOptions = {},
    { whole = false } = {},
  ): Promise<{ context: BrowserContext; page: Page; errors: string[] }> {
    const person = await openPerson(whole ? await sharedBrowser({ whole }) : this.browser, options)
    leavesWithTest(person.context, name)
    return person
  }
}

/** Closes the context when the test ends, and keeps pictures of its pages if it failed. */
function leavesWithTest(context: BrowserContext, name: string): void {
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail')
      for (const [place, page] of context.pages().entries())
        await keepPicture(page, `failed ${task.name} ${name} ${place}`.replaceAll(/[^\w]+/g, '-')).catch(
          // a page that has crashed or hangs has no picture; the failure itself is reported anyway
          () => undefined,
        )
    await context.close()
  })
}

/** A stage for the tests of one file, struck at its end. Call it in `beforeAll`. */
export async function setStage({ site, host, ...options }: StageOptions = {}): Promise<Stage> {
  const [foyer, browser] = await Promise.all([startFoyer(options), sharedBrowser()])
  await setSite(foyer, { launcherLabel: '', fields: nameAndEmail, ...site })
  const page = await startHostPage({ foyer: foyer.origin, siteKey: foyer.site.key, ...host?.(foyer.origin) })
  atFileEnd(() => page.close())
  return new Stage(foyer, browser, page)
}

async function setSite(foyer: TestFoyer, settings: Partial<SiteSettings>): Promise<void> {
  await foyer.pool.query('update sites set settings = settings || $2 where id = $1', [
    foyer.site.id,
    JSON.stringify(settings),
  ])
}

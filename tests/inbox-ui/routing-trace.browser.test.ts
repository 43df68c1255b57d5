import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import type { Routing } from '../../core/contracts/routing.ts'
import { App } from '../../inbox-ui/app/app.svelte.ts'
import { Inbox } from '../../inbox-ui/app/inbox.svelte.ts'
import RoutingTrace from '../../inbox-ui/visitors/RoutingTrace.svelte'
import { ModelServer } from './model-server.ts'
import Stage from './Stage.svelte'
import { aConversation, instant, me } from './samples.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const asked: Routing = {
  steps: [
    {
      n: 1,
      round: 1,
      at: instant(0),
      stage: 'round_robin',
      label: null,
      agent: me,
      outcome: 'asked',
      owner: null,
      handedOverBy: null,
      reason: null,
      others: null,
      offer: null,
    } as Routing['steps'][number],
  ],
}

test('who was asked shows where answers take longer than the pause between two looks', async () => {
  const answers: ((response: Response) => void)[] = []
  const app = new App({
    fetch: (address) =>
      String(address).endsWith('/routing')
        ? new Promise((resolve) => answers.push(resolve))
        : Promise.resolve(Response.json({})),
  })
  app.session.enter(new ModelServer().me)
  const inbox = new Inbox(app, { socketUrl: 'ws://foyer.test' })
  render(Stage, { app, inbox, part: RoutingTrace, with: { conversation: aConversation('c') } })
  await page.getByRole('button', { name: app.text.routing.title }).click()
  await expect.poll(() => answers.length).toBe(1)
  // three looks come due before the first is answered
  vi.advanceTimersByTime(7_000)
  expect(answers).toHaveLength(1)
  answers[0]?.(Response.json(asked))
  await expect.element(page.getByText(me.name)).toBeVisible()
  vi.advanceTimersByTime(2_000)
  await expect.poll(() => answers.length).toBe(2)
})

const push = { sentAt: instant(0), shownAt: null, clickedAt: null, failedBecause: null }
const delivered = { ...push, state: 'delivered', deliveredAt: instant(0) } as const

test('each device of whoever was asked says how far its notification has come', async () => {
  const [step] = asked.steps as [Routing['steps'][number]]
  const offer: NonNullable<typeof step.offer> = {
    id: 'o1',
    state: 'expired',
    askedAt: instant(0),
    closedAt: instant(100),
    expiresAt: instant(100),
    pushes: [
      { ...delivered, id: 'p0', device: 'Chrome on macOS' },
      { ...delivered, id: 'p1', device: 'Safari on iPhone', shownAt: instant(1) },
      { ...delivered, id: 'p2', device: 'Firefox on Linux', shownAt: instant(1), clickedAt: instant(2) },
      {
        ...push,
        id: 'p3',
        device: 'Edge on Windows',
        state: 'failed',
        deliveredAt: null,
        failedBecause: 'Turned off.',
      },
    ],
  }
  const app = new App({
    fetch: (address) =>
      Promise.resolve(
        Response.json(String(address).endsWith('/routing') ? { steps: [{ ...step, offer }] } : {}),
      ),
  })
  app.session.enter(new ModelServer().me)
  const inbox = new Inbox(app, { socketUrl: 'ws://foyer.test' })
  render(Stage, { app, inbox, part: RoutingTrace, with: { conversation: aConversation('c') } })
  await page.getByRole('button', { name: app.text.routing.title }).click()
  const { told } = app.text.notifications
  for (const words of [
    told.delivered('Chrome on macOS'),
    told.shown('Safari on iPhone'),
    told.clicked('Firefox on Linux'),
    told.failed('Edge on Windows', 'Turned off.'),
  ])
    await expect.element(page.getByText(words, { exact: true })).toBeVisible()
  await expect
    .element(page.getByText(app.text.routing.offer.expired(me.name, app.format.length(100_000))))
    .toBeVisible()
})

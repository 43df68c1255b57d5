import { expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import type { ConnectionSync } from '../../core/contracts/sync.ts'
import ImportBar from '../../inbox-ui/connectors/ImportBar.svelte'
import { anInbox } from './an-inbox.ts'
import { ModelServer } from './model-server.ts'
import Stage from './Stage.svelte'

const minute = 60_000

function show(run: Partial<ConnectionSync['import']>) {
  const sync: ConnectionSync = {
    polledAt: null,
    import: {
      state: 'running',
      done: 0,
      total: null,
      perSecond: null,
      etaMs: null,
      kinds: [],
      companies: 0,
      owners: 0,
      startedAt: null,
      finishedAt: null,
      reason: null,
      ...run,
    },
    writes: { open: 0, written: 0, skipped: 0, failed: 0 },
  }
  const { app, inbox } = anInbox(new ModelServer())
  return render(Stage, { app, inbox, part: ImportBar, with: { sync } })
}

const bar = () => page.getByRole('progressbar', { name: 'Progress of the import' })
const width = () => {
  const track = bar().element()
  return Math.round(((track.firstElementChild?.clientWidth ?? 0) / track.clientWidth) * 100)
}

test('an import shows how far it is, how long it takes and when it is ready', async () => {
  show({ done: 2_500, total: 10_000, etaMs: 7 * minute })
  await expect.element(bar()).toHaveAttribute('aria-valuenow', '2500')
  await expect.element(bar()).toHaveAttribute('aria-valuemax', '10000')
  await expect.element(page.getByText('About 7 min left')).toBeVisible()
  await expect.element(page.getByText(/^ready around \d/)).toBeVisible()
  await expect.element(page.getByText('2,500 of 10,000 people')).toBeVisible()
  await expect.poll(width).toBe(25)
})

test('an import of unknown size names no time left, and says why it waits', async () => {
  show({ done: 400, reason: 'HubSpot takes no more calls for a minute.' })
  await expect.element(bar()).not.toHaveAttribute('aria-valuenow')
  await expect.element(bar()).toHaveAttribute('aria-valuetext', '400 people so far')
  await expect.element(page.getByText('Working out how long it takes')).toBeVisible()
  await expect.element(page.getByText('It waits: HubSpot takes no more calls for a minute.')).toBeVisible()
})

test('an import of nobody is over, not at its beginning', async () => {
  show({ done: 0, total: 0, etaMs: 0 })
  await expect.element(bar()).toHaveAttribute('aria-valuenow', '1')
  await expect.element(bar()).toHaveAttribute('aria-valuemax', '1')
  await expect.poll(width).toBe(100)
})

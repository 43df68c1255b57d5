import { expect, test } from 'vitest'
import type { Activity, Visitor } from '../../core/contracts/visitors.ts'
import { Api } from '../../inbox-ui/app/api.ts'
import { VisitorPanel } from '../../inbox-ui/visitors/visitor-panel.svelte.ts'
import { instant } from './samples.ts'

const sofia = {
  id: 'v',
  name: 'Sofia Ricci',
  crms: [
    {
      source: 'salesforce',
      state: 'active',
      known: true,
      url: null,
      readAt: instant(0),
      refreshing: false,
      problem: null,
    },
  ],
} as unknown as Visitor

test('what a CRM tells of activities after it told of the person shows without being asked for', async () => {
  const activities: Partial<Activity>[] = []
  const api = new Api({
    words: { noConnection: '', notUnderstood: '' },
    fetch: async (address) =>
      Response.json(
        String(address).includes('/activities') ? { activities: [...activities], nextCursor: null } : sofia,
      ),
  })
  const panel = new VisitorPanel(api, 'v')
  await panel.reload()
  expect(panel.history.activities).toEqual([])
  activities.push({ id: 'a', kind: 'email' })
  // nothing of her has changed
  panel.apply(sofia)
  await expect.poll(() => panel.history.activities.length).toBe(1)
})

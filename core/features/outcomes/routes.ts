import type { Api } from '../../app.ts'
import { OutcomeList, SaveOutcomes } from '../../contracts/outcomes.ts'
import { readOutcomes } from './repository.ts'
import { saveOutcomes } from './service.ts'

export async function outcomeRoutes(app: Api): Promise<void> {
  const { services } = app

  app.get(
    '/outcomes',
    {
      preHandler: app.requires('conversations.view'),
      config: { access: 'conversations.view' },
      schema: { response: { 200: OutcomeList } },
    },
    async () => ({ outcomes: await readOutcomes(services.db) }),
  )

  app.put(
    '/outcomes',
    {
      preHandler: app.requires('outcomes.manage'),
      config: { access: 'outcomes.manage' },
      schema: { body: SaveOutcomes, response: { 200: OutcomeList } },
    },
    async ({ agent, body }) => ({ outcomes: await saveOutcomes(services, agent.id, body) }),
  )
}

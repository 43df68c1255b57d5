import type { Api } from '../../app.ts'
import { OutcomeList, SaveOutcomes } from '../../contracts/outcomes.ts'
import { ifMatch } from '../content-version.ts'
import { readOutcomeList } from './repository.ts'
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
    () => readOutcomeList(services.db),
  )

  app.put(
    '/outcomes',
    {
      preHandler: app.requires('outcomes.manage'),
      config: { access: 'outcomes.manage' },
      schema: { body: SaveOutcomes, response: { 200: OutcomeList } },
    },
    ({ agent, body, headers }) => saveOutcomes(services, agent.id, body, ifMatch(headers['if-match'])),
  )
}

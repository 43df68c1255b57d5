import type { Permission } from '../../core/contracts/agents.ts'
import type { Messages } from '../messages/language.ts'

/** One page under Settings, at /inbox/settings/:id. */
interface Listed {
  id: string
  group: keyof Messages['settings']['groups']
  title: (text: Messages) => string
  /** What it is for, in a sentence. "Go to anything" finds it by these words too. */
  intro: (text: Messages) => string
  /** Without it the page is neither listed nor drawn. Null: it is everybody's. */
  needs: Permission | null
}

/** In the order they are listed; groups come in the order of their first section. */
export const sections = [
  {
    id: 'preferences',
    group: 'yours',
    title: (text) => text.preferences.title,
    intro: (text) => text.preferences.intro,
    needs: null,
  },
  {
    id: 'notifications',
    group: 'yours',
    title: (text) => text.notifications.title,
    intro: (text) => text.notifications.intro,
    needs: null,
  },
  {
    id: 'canned-replies',
    group: 'yours',
    title: (text) => text.cannedReplies.title,
    intro: (text) => text.cannedReplies.intro,
    needs: 'conversations.reply',
  },
  {
    id: 'availability',
    group: 'yours',
    title: (text) => text.schedules.section,
    intro: (text) => text.schedules.sectionIntro,
    needs: 'agents.view',
  },
  {
    id: 'my-calendar',
    group: 'yours',
    title: (text) => text.myCalendar.title,
    intro: (text) => text.myCalendar.intro,
    needs: 'meetings.manage',
  },
  {
    id: 'agents',
    group: 'organisation',
    title: (text) => text.agents.title,
    intro: (text) => text.agents.intro,
    needs: 'agents.view',
  },
  {
    id: 'teams',
    group: 'organisation',
    title: (text) => text.teams.title,
    intro: (text) => text.teams.intro,
    needs: 'teams.view',
  },
  {
    id: 'mail',
    group: 'organisation',
    title: (text) => text.mail.title,
    intro: (text) => text.mail.intro,
    needs: 'mail.manage',
  },
  {
    id: 'sites',
    group: 'chat',
    title: (text) => text.sites.title,
    intro: (text) => text.sites.intro,
    needs: 'sites.view',
  },
  {
    id: 'routing-rules',
    group: 'chat',
    title: (text) => text.rules.title,
    intro: (text) => text.rules.intro,
    needs: 'rules.view',
  },
  {
    id: 'accounts',
    group: 'chat',
    title: (text) => text.accounts.title,
    intro: (text) => text.accounts.intro,
    needs: 'accounts.manage',
  },
  {
    id: 'outcomes',
    group: 'chat',
    title: (text) => text.outcomes.title,
    intro: (text) => text.outcomes.intro,
    needs: 'outcomes.manage',
  },
  {
    id: 'blocked',
    group: 'chat',
    title: (text) => text.blocks.title,
    intro: (text) => text.blocks.intro,
    needs: 'visitors.block',
  },
  {
    id: 'connectors',
    group: 'data',
    title: (text) => text.connectors.title,
    intro: (text) => text.connectors.intro,
    needs: 'connections.read',
  },
] as const satisfies readonly Listed[]

/** One of them, as it stands in the list. */
export type Section = (typeof sections)[number]

import type { Component } from 'svelte'
import type { Permission } from '../../core/contracts/agents.ts'
import AccountsSettings from '../accounts/AccountsSettings.svelte'
import AgentsSettings from '../agents/AgentsSettings.svelte'
import BlocksSettings from '../blocks/BlocksSettings.svelte'
import CannedRepliesSettings from '../canned-replies/CannedRepliesSettings.svelte'
import ConnectorsSettings from '../connectors/ConnectorsSettings.svelte'
import MailSettings from '../mail/MailSettings.svelte'
import type { Messages } from '../messages/language.ts'
import MyCalendarSettings from '../my-calendar/MyCalendarSettings.svelte'
import NotificationSettings from '../notifications/NotificationSettings.svelte'
import OutcomesSettings from '../outcomes/OutcomesSettings.svelte'
import RulesSettings from '../routing-rules/RulesSettings.svelte'
import SchedulePage from '../schedules/SchedulePage.svelte'
import PreferencesSettings from '../session/PreferencesSettings.svelte'
import SitesSettings from '../sites/SitesSettings.svelte'
import TeamsSettings from '../teams/TeamsSettings.svelte'

/** One page under Settings, at /inbox/settings/:id. */
export interface Section {
  id: string
  group: keyof Messages['settings']['groups']
  title: (text: Messages) => string
  /** What it is for, in a sentence. "Go to anything" finds it by these words too. */
  intro: (text: Messages) => string
  /** Without it the page is neither listed nor drawn. Null: it is everybody's. */
  needs: Permission | null
  page: Component
}

/** In the order they are listed; groups come in the order of their first section. */
export const sections: readonly Section[] = [
  {
    id: 'preferences',
    group: 'yours',
    title: (text) => text.preferences.title,
    intro: (text) => text.preferences.intro,
    needs: null,
    page: PreferencesSettings,
  },
  {
    id: 'notifications',
    group: 'yours',
    title: (text) => text.notifications.title,
    intro: (text) => text.notifications.intro,
    needs: null,
    page: NotificationSettings,
  },
  {
    id: 'canned-replies',
    group: 'yours',
    title: (text) => text.cannedReplies.title,
    intro: (text) => text.cannedReplies.intro,
    needs: 'conversations.reply',
    page: CannedRepliesSettings,
  },
  {
    id: 'availability',
    group: 'yours',
    title: (text) => text.schedules.section,
    intro: (text) => text.schedules.sectionIntro,
    needs: 'agents.view',
    page: SchedulePage,
  },
  {
    id: 'my-calendar',
    group: 'yours',
    title: (text) => text.myCalendar.title,
    intro: (text) => text.myCalendar.intro,
    needs: 'meetings.manage',
    page: MyCalendarSettings,
  },
  {
    id: 'agents',
    group: 'organisation',
    title: (text) => text.agents.title,
    intro: (text) => text.agents.intro,
    needs: 'agents.view',
    page: AgentsSettings,
  },
  {
    id: 'teams',
    group: 'organisation',
    title: (text) => text.teams.title,
    intro: (text) => text.teams.intro,
    needs: 'teams.view',
    page: TeamsSettings,
  },
  {
    id: 'mail',
    group: 'organisation',
    title: (text) => text.mail.title,
    intro: (text) => text.mail.intro,
    needs: 'mail.manage',
    page: MailSettings,
  },
  {
    id: 'sites',
    group: 'chat',
    title: (text) => text.sites.title,
    intro: (text) => text.sites.intro,
    needs: 'sites.view',
    page: SitesSettings,
  },
  {
    id: 'routing-rules',
    group: 'chat',
    title: (text) => text.rules.title,
    intro: (text) => text.rules.intro,
    needs: 'rules.view',
    page: RulesSettings,
  },
  {
    id: 'accounts',
    group: 'chat',
    title: (text) => text.accounts.title,
    intro: (text) => text.accounts.intro,
    needs: 'accounts.manage',
    page: AccountsSettings,
  },
  {
    id: 'outcomes',
    group: 'chat',
    title: (text) => text.outcomes.title,
    intro: (text) => text.outcomes.intro,
    needs: 'outcomes.manage',
    page: OutcomesSettings,
  },
  {
    id: 'blocked',
    group: 'chat',
    title: (text) => text.blocks.title,
    intro: (text) => text.blocks.intro,
    needs: 'visitors.block',
    page: BlocksSettings,
  },
  {
    id: 'connectors',
    group: 'data',
    title: (text) => text.connectors.title,
    intro: (text) => text.connectors.intro,
    needs: 'connections.read',
    page: ConnectorsSettings,
  },
]

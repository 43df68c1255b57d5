import type { Component } from 'svelte'
import AccountsSettings from '../accounts/AccountsSettings.svelte'
import AgentsSettings from '../agents/AgentsSettings.svelte'
import BlocksSettings from '../blocks/BlocksSettings.svelte'
import CannedRepliesSettings from '../canned-replies/CannedRepliesSettings.svelte'
import ConnectorsSettings from '../connectors/ConnectorsSettings.svelte'
import MailSettings from '../mail/MailSettings.svelte'
import MyCalendarSettings from '../my-calendar/MyCalendarSettings.svelte'
import NotificationSettings from '../notifications/NotificationSettings.svelte'
import OutcomesSettings from '../outcomes/OutcomesSettings.svelte'
import RulesSettings from '../routing-rules/RulesSettings.svelte'
import SchedulePage from '../schedules/SchedulePage.svelte'
import PreferencesSettings from '../session/PreferencesSettings.svelte'
import SitesSettings from '../sites/SitesSettings.svelte'
import TeamsSettings from '../teams/TeamsSettings.svelte'
import type { Section } from './sections.ts'

/** Apart from the list of them, which every page of the inbox has: these are fetched when somebody goes there. */
export const sectionPages: Record<Section['id'], Component> = {
  preferences: PreferencesSettings,
  notifications: NotificationSettings,
  'canned-replies': CannedRepliesSettings,
  availability: SchedulePage,
  'my-calendar': MyCalendarSettings,
  agents: AgentsSettings,
  teams: TeamsSettings,
  mail: MailSettings,
  sites: SitesSettings,
  'routing-rules': RulesSettings,
  accounts: AccountsSettings,
  outcomes: OutcomesSettings,
  blocked: BlocksSettings,
  connectors: ConnectorsSettings,
}

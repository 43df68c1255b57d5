import CalendarDays from '@lucide/svelte/icons/calendar-days'
import InboxIcon from '@lucide/svelte/icons/inbox'
import SlidersHorizontal from '@lucide/svelte/icons/sliders-horizontal'
import Users from '@lucide/svelte/icons/users'
import type { Permission } from '../../core/contracts/agents.ts'
import type { Messages } from '../messages/language.ts'
import { addresses, type Place } from './router.svelte.ts'

/** What the rail leads to, from top to bottom. */
interface RailPage {
  page: Place['page']
  address: string
  label: (text: Messages) => string
  Icon: typeof InboxIcon
  /** Null: it is everybody's. */
  needs: Permission | null
}

export const pages: readonly RailPage[] = [
  {
    page: 'inbox',
    address: addresses.inbox,
    label: (text) => text.nav.inbox,
    Icon: InboxIcon,
    needs: null,
  },
  {
    page: 'meetings',
    address: addresses.meetings,
    label: (text) => text.meetings.title,
    Icon: CalendarDays,
    needs: 'meetings.view',
  },
  {
    page: 'people',
    address: addresses.people,
    label: (text) => text.nav.people,
    Icon: Users,
    needs: 'people.view',
  },
  {
    page: 'settings',
    address: addresses.settings('preferences'),
    label: (text) => text.nav.settings,
    Icon: SlidersHorizontal,
    needs: null,
  },
]

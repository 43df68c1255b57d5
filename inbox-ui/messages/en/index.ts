import type { Format } from '../format.ts'
import { app } from './app.ts'
import { availability } from './availability.ts'
import { connectors } from './connectors.ts'
import { conversations } from './conversations.ts'
import { followUp } from './follow-up.ts'
import { mail } from './mail.ts'
import { meetings } from './meetings.ts'
import { myCalendar } from './my-calendar.ts'
import { notifications } from './notifications.ts'
import { offers } from './offers.ts'
import { people } from './people.ts'
import { routing } from './routing.ts'
import { routingRules } from './routing-rules.ts'
import { schedules } from './schedules.ts'
import { session } from './session.ts'
import { settings } from './settings.ts'
import { tools } from './tools.ts'
import { visitors } from './visitors.ts'

/** Everything the inbox says, in English; one file for each folder of screens. */
export const en = (f: Format) => ({
  language: 'en',
  direction: 'ltr' as 'ltr' | 'rtl',
  ...app(f),
  ...session(),
  ...availability(),
  ...mail(),
  ...notifications(),
  ...offers(f),
  ...conversations(f),
  ...tools(f),
  ...followUp(),
  ...visitors(f),
  ...people(f),
  ...meetings(f),
  ...myCalendar(f),
  ...routing(f),
  ...settings(),
  ...connectors(f),
  ...routingRules(f),
  ...schedules(f),
})

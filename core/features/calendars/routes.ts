import type { Api } from '../../app.ts'
import {
  CalendarChoices,
  ChooseCalendar,
  ConnectCalendar,
  ConnectCalendarAnswer,
  DisconnectCalendarAnswer,
  MyCalendar,
} from '../../contracts/calendars.ts'
import { ConnectionTest } from '../../contracts/connections.ts'
import { chooseCalendar, readChoices } from './choose.ts'
import { connectCalendar, disconnectCalendar, testCalendar } from './own.ts'
import { viewMyCalendar } from './view.ts'

/** "My calendar": always that of whoever asks. */
export async function calendarRoutes(app: Api): Promise<void> {
  const { services } = app
  const own = { preHandler: app.requires('meetings.manage'), config: { access: 'meetings.manage' } } as const

  app.get('/me/calendar', { ...own, schema: { response: { 200: MyCalendar } } }, ({ agent }) =>
    viewMyCalendar(services, agent.id),
  )

  app.post(
    '/me/calendar/connect',
    { ...own, schema: { body: ConnectCalendar, response: { 200: ConnectCalendarAnswer } } },
    ({ agent, body }) => connectCalendar(services, agent, body),
  )

  app.get(
    '/me/calendar/choices',
    { ...own, config: { ...own.config, conflicts: true }, schema: { response: { 200: CalendarChoices } } },
    async ({ agent }) => ({ calendars: await readChoices(services, agent.id) }),
  )

  app.put(
    '/me/calendar',
    { ...own, schema: { body: ChooseCalendar, response: { 200: MyCalendar } } },
    async ({ agent, body }) => {
      await chooseCalendar(services, agent.id, body)
      return viewMyCalendar(services, agent.id)
    },
  )

  app.post('/me/calendar/test', { ...own, schema: { response: { 200: ConnectionTest } } }, ({ agent }) =>
    testCalendar(services, agent.id),
  )

  app.post(
    '/me/calendar/disconnect',
    { ...own, schema: { response: { 200: DisconnectCalendarAnswer } } },
    ({ agent }) => disconnectCalendar(services, agent.id),
  )
}

import type { Api } from '../app.ts'
import { accountRoutes } from './accounts/routes.ts'
import { activityRoutes } from './activities/routes.ts'
import { agentRoutes } from './agents/routes.ts'
import { auditRoutes } from './audit/routes.ts'
import { availabilityRoutes } from './availability/routes.ts'
import { blockRoutes } from './blocks/routes.ts'
import { calendarChannelRoutes } from './calendars/channel-routes.ts'
import { calendarRoutes } from './calendars/routes.ts'
import { cannedReplyRoutes } from './canned-replies/routes.ts'
import { connectionRoutes } from './connections/routes.ts'
import { conversationRoutes } from './conversations/routes.ts'
import { demoRoutes } from './demo/routes.ts'
import { fileRoutes } from './files/routes.ts'
import { mailSettingsRoutes, unsentMailRoutes } from './mail/routes.ts'
import { bookingRoutes } from './meetings/booking-routes.ts'
import { meetingRoutes } from './meetings/routes.ts'
import { meetingSettingsRoutes } from './meetings/settings-routes.ts'
import { jobFailureRoutes } from './outbox/routes.ts'
import { outcomeRoutes } from './outcomes/routes.ts'
import { peopleRoutes } from './people/routes.ts'
import { pushRoutes } from './push/routes.ts'
import { offerRoutes } from './routing/routes.ts'
import { routingRuleRoutes } from './routing-rules/routes.ts'
import { setUpRoutes } from './setup/routes.ts'
import { signInRoutes } from './sign-in/routes.ts'
import { siteRoutes } from './sites/routes.ts'
import { syncRoutes } from './sync/routes.ts'
import { webhookRoutes } from './sync/webhook-routes.ts'
import { teamRoutes } from './teams/routes.ts'
import { visitorRoutes } from './visitors/routes.ts'
import { widgetRoutes } from './widget/routes.ts'

/** Every noun's routes, under /api/v1. */
export async function routes(app: Api): Promise<void> {
  for (const register of [
    accountRoutes,
    activityRoutes,
    agentRoutes,
    auditRoutes,
    availabilityRoutes,
    blockRoutes,
    bookingRoutes,
    calendarChannelRoutes,
    calendarRoutes,
    cannedReplyRoutes,
    connectionRoutes,
    conversationRoutes,
    demoRoutes,
    fileRoutes,
    jobFailureRoutes,
    mailSettingsRoutes,
    meetingRoutes,
    meetingSettingsRoutes,
    offerRoutes,
    outcomeRoutes,
    peopleRoutes,
    pushRoutes,
    routingRuleRoutes,
    setUpRoutes,
    signInRoutes,
    siteRoutes,
    syncRoutes,
    teamRoutes,
    unsentMailRoutes,
    visitorRoutes,
    webhookRoutes,
    widgetRoutes,
  ])
    await app.register(register)
}

import type { PushDevice } from '#core/contracts/push.ts'
import type { AgentActor } from './agent-actor.ts'
import type { FakeBrowser, PushService } from './push-service.ts'

/** A browser that has turned notifications on for the agent who is signed in there. */
export async function aDevice(
  service: PushService,
  agent: AgentActor,
): Promise<FakeBrowser & { id: string; device: PushDevice }> {
  const browser = service.browser()
  const device = await agent.http.put<PushDevice>('/push-subscriptions', browser.subscription)
  return Object.assign(browser, { id: device.id, device })
}

import type { ConnectorDeclaration } from '../contract.ts'
import { accessTests, declarationTests } from './access.ts'
import { calendarTests } from './calendars.ts'
import { failureTests } from './failures.ts'
import { feedTests } from './feed.ts'
import { readingTests } from './reading.ts'
import { Session } from './session.ts'
import type { CalendarVendor, Vendor, VendorUnderTest } from './vendor.ts'
import { webhookTests } from './webhooks.ts'
import { writingTests } from './writing.ts'

/** Vitest's `test`, or anything like it. */
export type Test = (name: string, run: () => Promise<void>, timeoutMs?: number) => unknown

/** A test of the suite, on a stand-in that is started for it. */
export interface Rule<V extends Vendor = VendorUnderTest> {
  name: string
  /** Not told: connected and described before it begins. */
  connected?: boolean
  /** Only where the stand-in can do this. */
  needs?: keyof V
  run(session: Session<V>): Promise<void>
}

const timeoutMs = 30_000

/**
 * Registers what every connector must hold to, one test for each rule. A connector that passes is right as far as Foyer
 * relies on it.
 * @param start a stand-in with nobody in it, each time a new one
 */
export function testConformance(
  connector: ConnectorDeclaration,
  start: () => Promise<VendorUnderTest>,
  { test, can }: { test: Test; can: readonly (keyof VendorUnderTest)[] },
): void {
  const rules: Rule[] = [
    ...declarationTests,
    ...accessTests,
    ...(connector.crm ? [...readingTests, ...feedTests, ...writingTests, ...failureTests] : []),
    ...(connector.crm?.webhooks ? webhookTests : []),
  ]
  register(connector, start, { test, can }, rules)
}

/** The same for a connector of calendars; those who sign in by OAuth have a vendor that does. */
export function testCalendarConformance<V extends CalendarVendor>(
  connector: ConnectorDeclaration,
  start: () => Promise<V>,
  options: { test: Test; can: readonly (keyof V)[] },
  more: readonly Rule<V>[] = [],
): void {
  register(connector, start, options, [...declarationTests, ...calendarTests, ...more])
}

function register<V extends Vendor>(
  connector: ConnectorDeclaration,
  start: () => Promise<V>,
  { test, can }: { test: Test; can: readonly (keyof V)[] },
  rules: readonly Rule<V>[],
): void {
  for (const { name, needs, connected, run } of rules) {
    if (needs && !can.includes(needs)) continue
    test(
      `${connector.name}: ${name}`,
      async () => {
        const session = await Session.start(connector, await start(), { connected })
        try {
          await run(session)
        } finally {
          await session.end()
        }
      },
      timeoutMs,
    )
  }
}

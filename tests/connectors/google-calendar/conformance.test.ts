import { test } from 'vitest'
import { googleCalendar } from '#connectors/google-calendar/index.ts'
import { accessTests } from '#connectors/sdk/conformance/access.ts'
import { testCalendarConformance } from '#connectors/sdk/conformance/index.ts'
import { aGoogleVendor } from './a-vendor.ts'

const can = ['forgetChanges', 'makeUnknown', 'mailsAbout', 'takeCalls'] as const
testCalendarConformance(googleCalendar, aGoogleVendor, { test, can }, accessTests)

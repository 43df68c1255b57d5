import { z } from 'zod'
import { Id } from './common.ts'

/** What a job carries from the transaction that ordered it to the worker that does it: ids, never rows, so that a
 *  job run late or twice sees what is true then. */
export interface JobContract<P extends z.ZodType = z.ZodType> {
  /** An order, kebab-case: `send-mail`. Never renamed while rows with it may be open. */
  name: string
  payload: P
}

export const defineJob = <P extends z.ZodType>(name: string, payload: P): JobContract<P> => ({
  name,
  payload,
})

export const sendMail = defineJob('send-mail', z.strictObject({ mailId: Id }))

/** The three deadlines of a conversation. Each job only looks whether its deadline has passed. */
export const expireOffer = defineJob('expire-offer', z.strictObject({ offerId: Id }))
export const endIdle = defineJob('end-idle', z.strictObject({ conversationId: Id }))
export const withdrawGone = defineJob('withdraw-gone', z.strictObject({ conversationId: Id }))

/** A notification for one device. */
export const sendPush = defineJob('send-push', z.strictObject({ pushId: Id }))

/** What an agent has missed, or what failed, in one mail. */
export const mailBatch = defineJob('mail-batch', z.strictObject({ batchId: Id }))

/** Finds colleagues for the chats of an agent who has gone, when that is due. */
export const lookAfterGone = defineJob('look-after-gone', z.strictObject({ agentId: Id }))
/** Mails what was written to a visitor who has left, when that is due. */
export const mailDeparted = defineJob('mail-departed', z.strictObject({ conversationId: Id }))

/** Forgets what was read by a connection that is over. */
export const eraseMirror = defineJob(
  'erase-mirror',
  z.strictObject({ connectionId: Id, connector: z.string() }),
)

/** Asks one CRM for the person with the visitor's address. `askedBy`: the agent who wants to know. */
export const refreshPerson = defineJob(
  'refresh-person',
  z.strictObject({ connectionId: Id, visitorId: Id, askedBy: Id.nullable() }),
)
/** Looks at what a vendor told by itself. */
export const applyWebhookEvent = defineJob(
  'apply-webhook-event',
  z.strictObject({ eventId: Id, connectionId: Id }),
)
/** Writes one thing into a CRM, as it stands then. */
export const writeToCrm = defineJob('write-to-crm', z.strictObject({ writeId: Id, connectionId: Id }))
/** Erases a person from wherever that is not done yet. */
export const erasePerson = defineJob('erase-person', z.strictObject({ erasureId: Id }))
/** Brings the calendar to what a meeting is: enters it, moves it, ends it. */
export const workOnMeeting = defineJob('work-on-meeting', z.strictObject({ meetingId: Id }))

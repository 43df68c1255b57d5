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

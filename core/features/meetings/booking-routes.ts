import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Api } from '../../app.ts'
import {
  Book,
  BookingLink,
  BookingPage,
  FreeSlots,
  GuestMeeting,
  RescheduleByGuest,
  SlotsQuery,
} from '../../contracts/meetings.ts'
import { NotSignedInError, RateLimitedError } from '../../errors.ts'
import { countedAs, isPublic } from '../../plugins/addresses.ts'
import { callLimit } from '../../plugins/call-limits.ts'
import { findVisitor, type KnownVisitor } from '../widget/tokens.ts'
import { book } from './booking.ts'
import { BookingDesk } from './desk.ts'
import { freeSlots } from './free.ts'
import { bookingPage, meetingOf } from './guest.ts'
import { eventFile } from './letters.ts'
import { cancelMeeting, rescheduleMeeting } from './manage.ts'
import { forGuest } from './repository.ts'
import { bookingLinkFor, shareOf } from './shares.ts'

const params = z.object({ token: z.string().min(1).max(100) })

/** The visitor's side: whoever has the token of a share may book, whoever has a meeting's may move and cancel it. How often is counted by
 *  the address typed, by the network and by the visitor (`hold.ts`, `turns.ts`): who has many of each can still fill a calendar. */
export async function bookingRoutes(app: Api): Promise<void> {
  const { services } = app
  const desk = new BookingDesk(services)
  const reading = { config: { access: 'public', rateLimit: { max: 600, timeWindow: 60_000 } } } as const
  const takeBooking = callLimit(app, 'booking from address', {
    max: 60,
    timeWindowMs: 60 * 60_000,
    message: 'Many meetings were booked from your network. Try again in an hour.',
  })
  const changing = { config: { access: 'public', rateLimit: { max: 6_000, timeWindow: 60_000 } } } as const

  const visitorOf = async (request: FastifyRequest): Promise<KnownVisitor | null> => {
    const [scheme, token] = (request.headers.authorization ?? '').split(' ')
    return scheme?.toLowerCase() === 'bearer' && token ? findVisitor(services, services.db, token) : null
  }

  app.get(
    '/booking/:token',
    { ...reading, schema: { params, response: { 200: BookingPage } } },
    async (request) => bookingPage(services, request.params.token, await visitorOf(request)),
  )

  app.get(
    '/booking/:token/slots',
    { ...reading, schema: { params, querystring: SlotsQuery, response: { 200: FreeSlots } } },
    async ({ params, query }) => freeSlots(services, await shareOf(services.db, params.token), query),
  )

  app.post(
    '/booking/:token',
    { ...changing, schema: { params, body: Book, response: { 201: GuestMeeting, 202: GuestMeeting } } },
    async (request, reply) => {
      const { params, body } = request
      const network = networkOf(request)
      const { meeting, token } = await book(services, desk, params.token, body, {
        visitor: await visitorOf(request),
        network,
        counts: async () => {
          if (network !== null) await takeBooking(request, network)
        },
      })
      return reply
        .status(meeting.state === 'held' ? 202 : 201)
        .header('location', `/api/v1/meeting/${token}`)
        .send(forGuest(meeting, token))
    },
  )

  app.get(
    '/meeting/:token',
    { ...reading, schema: { params, response: { 200: GuestMeeting } } },
    async ({ params }) => forGuest(await meetingOf(services, params.token), params.token),
  )

  app.get(
    '/meeting/:token/slots',
    { ...reading, schema: { params, querystring: SlotsQuery, response: { 200: FreeSlots } } },
    async ({ params, query }) => {
      const moving = await meetingOf(services, params.token)
      return freeSlots(services, { agentId: moving.agentId, teamId: null }, { ...query, moving })
    },
  )

  app.get(
    '/meeting/:token/calendar.ics',
    { config: { ...reading.config, gives: 'text/calendar' }, schema: { params } },
    async ({ params }, reply) => {
      const meeting = await meetingOf(services, params.token)
      const { publicUrl } = services.config
      const link = publicUrl === null ? null : `${publicUrl}/meeting/${params.token}`
      return reply
        .type('text/calendar; charset=utf-8')
        .header('content-disposition', 'attachment; filename="meeting.ics"')
        .header('cache-control', 'no-store')
        .send(eventFile(meeting, services.clock.now(), { method: null, link }))
    },
  )

  app.post(
    '/meeting/:token/cancel',
    { ...changing, schema: { params, response: { 200: GuestMeeting } } },
    async ({ params }) =>
      forGuest(
        await cancelMeeting(services, await meetingOf(services, params.token), { type: 'visitor' }),
        params.token,
      ),
  )

  app.post(
    '/meeting/:token/reschedule',
    {
      ...changing,
      schema: { params, body: RescheduleByGuest, response: { 200: GuestMeeting, 202: GuestMeeting } },
    },
    async (request, reply) => {
      const { params, body } = request
      const meeting = await meetingOf(services, params.token)
      const moved = await rescheduleMeeting(services, meeting, body.start, {
        type: 'visitor',
        timeZone: body.timeZone ?? null,
        network: networkOf(request),
      })
      return reply.status(moved.movingTo === null ? 200 : 202).send(forGuest(moved, params.token))
    },
  )

  app.post(
    '/widget/booking-links',
    { schema: { response: { 200: BookingLink } }, config: { access: 'visitor' } },
    async (request) => {
      const visitor = await visitorOf(request)
      if (!visitor) throw new NotSignedInError('This visitor is not known here. Open the chat again.')
      const waitMs = app.visitorLimits.take(visitor.id, countedAs(request.ip), 'request')
      if (waitMs > 0)
        throw new RateLimitedError('This was asked for very often. Try again in a moment.', waitMs)
      return bookingLinkFor(services, visitor)
    },
  )
}

/** As with requests that wait, networks of one's own are not counted: a proxy that nobody declared stands for everybody. */
function networkOf({ ip }: FastifyRequest): string | null {
  const address = countedAs(ip)
  return isPublic(address) ? address : null
}

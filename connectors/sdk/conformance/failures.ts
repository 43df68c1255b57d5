import assert from 'node:assert/strict'
import {
  OutboundRefusedError,
  ProviderAnswerError,
  ProviderUnavailableError,
  RateLimitedError,
} from '../errors.ts'
import type { Rule } from './index.ts'
import type { Session } from './session.ts'
import type { Fault } from './vendor.ts'

const email = 'fails@northwind.test'

/** The vendor is down, slow, odd or hostile. */
export const failureTests: Rule[] = [
  ...(['no_answer', 'down', 'truncated', 'garbage'] as const).map(
    (fault): Rule => ({
      name: `reading fails as what it is, and works again after that: ${fault}`,
      run: async (session) => {
        const ref = await session.vendor.addPerson({ email, name: 'Fails Sometimes' })
        session.vendor.fail('read', fault)
        const error = await session.refusal(session.actions.findPerson(session.crm(), email))
        assert(error instanceof ProviderUnavailableError || error instanceof ProviderAnswerError, error.code)
        assert.equal((await session.actions.findPerson(session.crm(), email))?.id, ref.id)
      },
    }),
  ),
  ...(['lost_answer', 'truncated', 'down'] as const).map(
    (fault): Rule => ({
      name: `of a write it is not known whether it happened: ${fault}`,
      run: async (session) => {
        const ref = await session.vendor.addPerson({ email, name: 'Fails Sometimes' })
        session.vendor.fail('write', fault)
        const change = { key: 'k', values: { jobTitle: 'CEO' }, onlyEmpty: {} }
        const error = await session.outcome(session.actions.updatePerson(session.crm(), ref, change))
        // whoever reads what was written knows that it happened
        if (error instanceof ProviderUnavailableError) assert.equal(error.outcome, 'unknown')
        await session.actions.updatePerson(session.crm(), ref, change)
        assert.equal(await session.vendor.valueOf(ref, 'jobTitle'), 'CEO')
      },
    }),
  ),
  {
    name: 'a limit is told with how long to rest, and the call is not repeated',
    run: async (session) => {
      await session.vendor.addPerson({ email, name: 'Fails Sometimes' })
      const before = session.vendor.limitErrors()
      session.vendor.fail('read', 'limited')
      const error = await session.refusal(session.actions.findPerson(session.crm(), email))
      assert(error instanceof RateLimitedError, error.code)
      assert(error.retryAfterMs > 0)
      assert.equal(session.vendor.limitErrors() - before, 1)
    },
  },
  {
    name: 'a steady run meets no limit',
    run: async (session) => {
      await session.vendor.addPerson({ email, name: 'Fails Sometimes' })
      const work = async (lane: number) => {
        for (let count = 0; count < 5; count++)
          await session.actions.findPerson(
            session.crm(),
            count === 0 ? email : `nobody${lane}-${count}@northwind.test`,
          )
      }
      await Promise.all([1, 2, 3, 4].map(work))
      assert.equal(session.vendor.limitErrors(), 0)
    },
  },
  ...(
    ['http://169.254.169.254/latest/meta-data', 'https://127.0.0.1/', 'https://evil.example/'] as const
  ).map(
    (redirectTo): Rule => ({
      name: `a redirect to ${redirectTo} is not followed`,
      run: (session) => refusesRedirect(session, { redirectTo }),
    }),
  ),
  {
    name: 'what is not wanted any more stops at once',
    run: async (session) => {
      await session.vendor.addPerson({ email, name: 'Fails Sometimes' })
      const stop = new AbortController()
      session.vendor.fail('read', 'hang')
      const reason = new Error('The agent went on.')
      const asked = session.actions.findPerson(session.crm({ signal: stop.signal }), email)
      const startedAt = performance.now()
      setTimeout(() => stop.abort(reason), 50)
      const thrown = await asked.then(
        () => null,
        (error: unknown) => error,
      )
      assert(thrown !== null, 'it went well')
      assert(performance.now() - startedAt < 2_000, 'it went on for more than two seconds')
      const after = session.vendor.calls()
      await session.actions.findPerson(session.crm(), email)
      assert(session.vendor.calls() > after)
    },
  },
]

async function refusesRedirect(session: Session, fault: Fault): Promise<void> {
  await session.vendor.addPerson({ email, name: 'Fails Sometimes' })
  session.vendor.fail('read', fault)
  const error = await session.refusal(session.actions.findPerson(session.crm(), email))
  assert(error instanceof OutboundRefusedError, error.code)
}

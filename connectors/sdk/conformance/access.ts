import assert from 'node:assert/strict'
import { oauthOf } from '../auth.ts'
import { whatIsWrongWith } from '../check-declaration.ts'
import { ReconnectNeededError } from '../errors.ts'
import { authorizeAddress, exchangeCode, newSecret } from '../oauth.ts'
import type { Rule } from './index.ts'
import type { OAuthVendor, Vendor } from './vendor.ts'

const redirectUrl = 'https://foyer.example.com/api/v1/connections/oauth/callback'

/** What is declared, and where it leads. */
export const declarationTests: Rule<Vendor>[] = [
  {
    name: 'the declaration is sound',
    connected: false,
    run: async ({ connector }) => assert.deepEqual(whatIsWrongWith(connector), []),
  },
  {
    name: 'with a stand-in named, nothing else may be called',
    run: async ({ connector, vendor, account }) => {
      const origins = connector.origins({ settings: vendor.settings ?? {}, account, standIn: vendor.origin })
      assert.deepEqual([...new Set(origins)], [vendor.origin])
    },
  },
  {
    name: 'access that is gone asks to connect again',
    run: async (session) => {
      await session.vendor.revokeGrant()
      const error = await session.refusal(session.connector.identify(session.connection()))
      assert(error instanceof ReconnectNeededError)
    },
  },
]

/** Sign-in and tokens. */
export const accessTests: Rule<OAuthVendor>[] = [
  {
    name: 'an admin who agrees in the browser connects, with PKCE and state',
    connected: false,
    run: async (session) => {
      const { connector, vendor } = session
      const at = { settings: vendor.settings ?? {}, standIn: vendor.origin }
      const [state, verifier] = [newSecret(), newSecret()]
      const url = authorizeAddress(oauthOf(connector), at, {
        clientId: vendor.client.id,
        redirectUrl,
        state,
        verifier,
      })
      const { origin, searchParams } = new URL(url)
      assert.equal(origin, vendor.origin)
      for (const [name, value] of Object.entries({
        client_id: vendor.client.id,
        redirect_uri: redirectUrl,
        response_type: 'code',
        state,
        code_challenge_method: 'S256',
      }))
        assert.equal(searchParams.get(name), value)
      const back = new URL(await vendor.agree(url))
      assert.equal(back.origin + back.pathname, redirectUrl)
      assert.equal(back.searchParams.get('state'), state)
      const code = back.searchParams.get('code') ?? ''
      const { fetch } = session.connection()
      const wrong = exchangeCode(
        oauthOf(connector),
        at,
        vendor.client,
        { code: 'guessed', verifier, redirectUrl },
        fetch,
      )
      assert((await session.refusal(wrong)) instanceof ReconnectNeededError)
      const grant = await exchangeCode(
        oauthOf(connector),
        at,
        vendor.client,
        { code, verifier, redirectUrl },
        fetch,
      )
      session.store.tokens = { ...session.store.tokens, accessToken: grant.accessToken }
      const account = await connector.identify(session.connection())
      assert(account.id !== '' && account.name !== '')
    },
  },
  {
    name: 'a token about to run out is renewed before it is refused, once for all who ask, and the rotated one is kept',
    run: async (session) => {
      const { connector, store, vendor } = session
      for (let round = 1; round <= 3; round++) {
        store.tokens = { ...store.tokens, expiresAt: new Date(vendor.now().getTime() + 30_000) }
        await Promise.all([1, 2, 3, 4].map(() => connector.identify(session.connection())))
        assert.equal(vendor.refreshes(), round)
      }
    },
  },
  {
    name: 'a token that is refused is replaced once for all who ask, and the call goes through',
    run: async (session) => {
      session.vendor.expireTokens()
      const accounts = await Promise.all(
        [1, 2, 3, 4].map(() => session.connector.identify(session.connection())),
      )
      for (const { id } of accounts) assert.equal(id, session.account?.id)
      assert.equal(session.vendor.refreshes(), 1)
    },
  },
  {
    name: 'a vendor that refuses every token is not asked for ever',
    run: async (session) => {
      session.vendor.refuseTokens()
      const before = session.vendor.calls()
      assert(
        (await session.refusal(session.connector.identify(session.connection()))) instanceof
          ReconnectNeededError,
      )
      assert(session.vendor.calls() - before <= 5, 'more than five calls')
      const after = session.vendor.calls()
      await session.refusal(session.connector.identify(session.connection()))
      assert.equal(session.vendor.calls(), after)
    },
  },
  {
    name: 'a grant that is gone asks an admin to connect again, and the vendor is not asked any more',
    run: async (session) => {
      await session.vendor.revokeGrant()
      assert(
        (await session.refusal(session.connector.identify(session.connection()))) instanceof
          ReconnectNeededError,
      )
      const after = session.vendor.calls()
      assert(
        (await session.refusal(session.connector.identify(session.connection()))) instanceof
          ReconnectNeededError,
      )
      assert.equal(session.vendor.calls(), after)
    },
  },
  {
    name: 'disconnecting ends the grant, and being gone already is no failure',
    run: async (session) => {
      const auth = oauthOf(session.connector)
      if (!auth.revoke) return
      const { accessToken, refreshToken } = session.store.tokens
      const tokens = { accessToken: accessToken ?? '', refreshToken }
      await auth.revoke(session.connection(), tokens)
      await session.refusal(session.connector.identify(session.connection()))
      await auth.revoke(session.connection(), tokens)
    },
  },
]

import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { WriteBackRules } from '#core/contracts/connections.ts'
import { insertConnection } from '#core/features/connections/repository.ts'
import { setClientSecret, setTokens, tokenStore } from '#core/features/connections/secrets.ts'
import { readPushKeys } from '#core/features/push/keys.ts'
import { resealSecrets } from '#core/reseal.ts'
import { change, type Services } from '#core/services.ts'
import { test } from '#tests/support/foyer.ts'

test('after a start with a new key and the old one beside it, the old one is needed no more', async ({
  foyer,
}) => {
  const { services } = foyer.app
  const oldKey = services.config.secretKey ?? ''
  const id = randomUUID()
  await change(services, async ({ tx, now }) => {
    await insertConnection(tx, now, {
      id,
      connector: 'sample',
      settings: {},
      clientId: 'client',
      mapping: {},
      writeBack: WriteBackRules.parse({}),
    })
    await setClientSecret(services, tx, id, 'the client secret')
    const tokens = { accessToken: 'access', refreshToken: 'refresh', expiresAt: null, replacedAt: null }
    await setTokens(services, tx, id, tokens)
  })
  const keys = await readPushKeys(services)
  const withKeys = (secretKey: string, oldSecretKeys: string[]): Services => ({
    ...services,
    config: { ...services.config, secretKey, oldSecretKeys },
  })
  const newKey = 'another secret key that only tests know'
  const alone = withKeys(newKey, [])
  // without the old one nothing opens, and nothing is harmed
  expect(await resealSecrets(alone)).toBe(0)
  await expect(tokenStore(alone, id).read()).rejects.toThrow('does not open')
  const rotating = withKeys(newKey, [oldKey])
  expect(await tokenStore(rotating, id).read()).toMatchObject({ accessToken: 'access' })
  expect(await resealSecrets(rotating)).toBe(4)
  expect(await resealSecrets(rotating)).toBe(0)
  expect(await tokenStore(alone, id).read()).toMatchObject({ accessToken: 'access', refreshToken: 'refresh' })
  expect(await tokenStore(alone, id).secret('clientSecret')).toBe('the client secret')
  expect(await readPushKeys(alone)).toEqual(keys)
  await expect(tokenStore(services, id).read()).rejects.toThrow('does not open')
})

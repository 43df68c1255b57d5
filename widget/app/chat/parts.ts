import type { FromFrame } from '../../protocol.ts'
import type { Api } from '../api.ts'
import type { Keep } from '../keep.ts'
import type { Connection } from './connection.ts'

export type Socket = Pick<Connection, 'want' | 'retry' | 'send'>

/** What a chat is made of that reaches outside of it. */
export type Parts = {
  siteKey: string
  keep: Keep
  api: Api
  connect: (options: ConstructorParameters<typeof Connection>[0]) => Socket
  tell: (message: FromFrame) => void
  languages?: readonly string[]
}

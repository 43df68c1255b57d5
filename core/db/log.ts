/** Where the database's start-up says what it does: pino, Fastify's log and the console all fit. */
export interface Log {
  info(message: string): void
  warn(message: string): void
}

export const silentLog: Log = { info: () => undefined, warn: () => undefined }

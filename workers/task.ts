import type { FastifyBaseLogger } from 'fastify'
import type { z } from 'zod'
import type { Clock } from '#core/clock.ts'
import type { JobContract } from '#core/contracts/jobs.ts'
import type { Db, Tx } from '#core/db/pool.ts'
import type { OutboxRow } from '#core/features/outbox/repository.ts'

export type Log = Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>

/** What a task finds in its hands. */
export interface Work<P, S> {
  payload: P
  row: OutboxRow
  services: S
  clock: Clock
  log: Log
  /** Aborted when the worker must stop now or has lost the row to another one: what follows would be done twice. */
  signal: AbortSignal
}

/** `Work` for the contract J, as an annotation of a task's `run`. */
export type DatabaseWork<J extends JobContract, S> = Work<z.output<J['payload']>, S> & { tx: Tx }
export type OutsideWork<J extends JobContract, S> = Work<z.output<J['payload']>, S> & { db: Db }

/** Written down together with `done`; what belongs to the effect and is kept in PostgreSQL goes here. */
export type Afterwards = (tx: Tx) => Promise<void>

/** Jobs of one lane never wait for those of another: whatever providers do, Foyer's own work goes on. */
export const lanes = ['own', 'providers'] as const
export type Lane = (typeof lanes)[number]

interface Declaration<P extends z.ZodType, S> {
  name: string
  payload: P
  /** `own` unless told. */
  lane?: Lane
  /** How often it is tried before the row is dead. */
  attempts: number
  /** Milliseconds to wait after the nth failed attempt (from 1); by default 2 s, 4 s … 1 h, less up to half. */
  backOffMs?: (attempt: number) => number
  /** Runs in the transaction that declares the row dead, so that what was promised shows as not kept. */
  gaveUp?: (work: Work<z.output<P>, S> & { tx: Tx }, reason: string) => Promise<void>
}

/** A task whose effect is in PostgreSQL: effect and `done` are one transaction, under the row's lock, so it should
 *  take well under a second. */
export interface DatabaseDeclaration<P extends z.ZodType, S> extends Declaration<P, S> {
  run: (work: Work<z.output<P>, S> & { tx: Tx }) => Promise<void>
}

/** A task whose effect is elsewhere (a mail server, a CRM) and may take long. No transaction is open meanwhile: the
 *  worker claims the row for `leaseMs`, again and again while it lives, and a dead worker's claim runs out. If the
 *  process dies between the effect and `done`, the effect happens twice: make it recognisable. */
export interface OutsideDeclaration<P extends z.ZodType, S> extends Declaration<P, S> {
  leaseMs?: number
  // biome-ignore lint/suspicious/noConfusingVoidType: a task with nothing to write down returns nothing
  run: (work: Work<z.output<P>, S> & { db: Db }) => Promise<Afterwards | void>
}

/** A declared task as the runner sees it: it takes the payload as stored and checks it. */
export type Task<S> = {
  name: string
  lane: Lane
  attempts: number
  backOffMs: (attempt: number) => number
  gaveUp: (work: Work<unknown, S> & { tx: Tx }, reason: string) => Promise<void>
} & (
  | { effect: 'database'; run: (work: Work<unknown, S> & { tx: Tx }) => Promise<void> }
  | {
      effect: 'outside'
      leaseMs: number
      run: (work: Work<unknown, S> & { db: Db }) => Promise<Afterwards | undefined>
    }
)

/** Its payload is parsed before `run`; one that does not fit fails as any error does. */
export function defineTask<P extends z.ZodType, S>(declared: DatabaseDeclaration<P, S>): Task<S> {
  return {
    ...common(declared),
    effect: 'database',
    run: (work) => declared.run({ ...work, payload: declared.payload.parse(work.payload) }),
  }
}

/** The same for what is done elsewhere; claimed for 30 s at a time unless told. */
export function defineOutsideTask<P extends z.ZodType, S>(declared: OutsideDeclaration<P, S>): Task<S> {
  return {
    ...common(declared),
    effect: 'outside',
    leaseMs: declared.leaseMs ?? 30_000,
    run: async (work) =>
      (await declared.run({ ...work, payload: declared.payload.parse(work.payload) })) ?? undefined,
  }
}

/** Thrown by a task that knows that trying again would not help: the row is dead at once. */
export class PermanentError extends Error {
  override name = 'PermanentError'
}

/** Thrown by a task that was not tried, such as one whose connection may not be used yet: it is done later, and counts
 *  as no attempt. */
export class NotYetError extends Error {
  override name = 'NotYetError'
  readonly afterMs: number

  constructor(message: string, afterMs: number) {
    super(message)
    this.afterMs = afterMs
  }
}

const longestBackOffMs = 3_600_000

/** 2 s, 4 s, 8 s … 1 h, less a random part of up to half, so that what failed together does not return together. */
export function backOffMs(attempt: number): number {
  return Math.min(1_000 * 2 ** attempt, longestBackOffMs) * (0.5 + Math.random() / 2)
}

function common<P extends z.ZodType, S>(declared: Declaration<P, S>) {
  return {
    name: declared.name,
    lane: declared.lane ?? ('own' as const),
    attempts: declared.attempts,
    backOffMs: declared.backOffMs ?? backOffMs,
    gaveUp: async (work: Work<unknown, S> & { tx: Tx }, reason: string) =>
      declared.gaveUp?.({ ...work, payload: declared.payload.parse(work.payload) }, reason),
  }
}

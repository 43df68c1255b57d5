import type fc from 'fast-check'
import { compare, type Model, type Real } from './model.ts'

type Step = fc.AsyncCommand<Model, Real>

/** A step that is followed by the comparison of everything. */
export const step = (name: string, run: (model: Model, real: Real) => Promise<unknown>): Step => ({
  check: () => true,
  async run(model, real) {
    await run(model, real)
    await compare(model, real)
  },
  toString: () => name,
})

export const pick = <T>(list: T[], n: number): T | undefined => list[n % Math.max(list.length, 1)]

import { expect, test } from 'vitest'
import { Gathered, Together } from '#core/features/meetings/together.ts'

/** What is looked at changes: each look sees it as it is when it begins, and takes until it is let go. */
class World {
  state = 0
  readonly open: (() => void)[] = []
  looks = 0

  look = async (): Promise<number> => {
    const seen = this.state
    this.looks++
    await new Promise<void>((resolve) => this.open.push(resolve))
    return seen
  }

  async lets(): Promise<void> {
    await expect.poll(() => this.open.length).toBeGreaterThan(0)
    this.open.shift()?.()
  }
}

test('who asks the same at once shares one look', async () => {
  const world = new World()
  const together = new Together<number>()
  const answers = Array.from({ length: 100 }, () => together.ask('a', world.look))
  await world.lets()
  expect(new Set(await Promise.all(answers))).toEqual(new Set([0]))
  expect(world.looks).toBe(1)
})

test('nobody is told what was seen before they asked', async () => {
  const world = new World()
  const together = new Together<number>()
  const first = together.ask('a', world.look)
  await expect.poll(() => world.looks).toBe(1)
  world.state = 1
  const late = [together.ask('a', world.look), together.ask('a', world.look)]
  const other = together.ask('b', world.look)
  await expect.poll(() => world.looks).toBe(2)
  await world.lets()
  expect(await first).toBe(0)
  world.state = 2
  for (let n = 0; n < 2; n++) await world.lets()
  expect(await other).toBe(1)
  expect(await Promise.all(late)).toEqual([2, 2])
  expect(world.looks).toBe(3)
})

test('a look that fails does so for who shared it, and for nobody after them', async () => {
  const together = new Together<number>()
  const fails = () => Promise.reject(new Error('The line was cut'))
  const both = [together.ask('a', fails), together.ask('a', fails)]
  for (const one of both) await expect(one).rejects.toThrow('The line was cut')
  expect(await together.ask('a', async () => 1)).toBe(1)
  const failing = together.ask('a', fails)
  await new Promise(setImmediate)
  const next = together.ask('a', async () => 2)
  await expect(failing).rejects.toThrow()
  expect(await next).toBe(2)
})

test('questions that came together are answered by one look, each by its own', async () => {
  const asked: string[][] = []
  const gathered = new Gathered(async (about: string, keys: string[]) => {
    asked.push([about, ...keys])
    return new Map(keys.filter((key) => key !== 'unknown').map((key) => [key, `${about} ${key}`]))
  })
  const answers = ['1', '2', 'unknown', '1'].map((key) => gathered.ask('x', key))
  const other = gathered.ask('y', '1')
  expect(await Promise.all(answers)).toEqual(['x 1', 'x 2', undefined, 'x 1'])
  expect(await other).toBe('y 1')
  expect(asked).toEqual([
    ['x', '1', '2', 'unknown'],
    ['y', '1'],
  ])
})

import { expect } from 'vitest'
import { maxFrameBytes, type ToAgent, type ToVisitor } from '#core/contracts/sockets.ts'
import { agentLine, ending, visitorLine } from '#tests/core/realtime/line.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

/** A chat, and a second line of each side on which a test may misbehave. */
async function chatWithLines(foyer: TestFoyer) {
  const { visitor, agent, id } = await foyer.chat()
  const lines = [await visitorLine(foyer), await agentLine(foyer, agent)] as const
  lines[0].send({ type: 'hello', token: visitor.session.token })
  lines[1].send({ type: 'hello', token: agent.me.socketToken })
  for (const line of lines) await waitFor('the welcome', () => line.frames.length > 0)
  return { visitor, agent, id, lines }
}

type Line = Awaited<ReturnType<typeof chatWithLines>>['lines'][number]

async function refused(line: Line, frame: string | Buffer) {
  const all = () => (line.frames as (ToAgent | ToVisitor)[]).filter((one) => one.type === 'refused')
  const before = all().length
  line.raw.send(frame)
  const answer = await waitFor('a refusal', () => all()[before])
  expect(answer.message).toMatch(/^.{8,300}$/s)
  return answer
}

test('a frame that is none is refused in words, and the line stays', async ({ foyer }) => {
  const { visitor, agent, id, lines } = await chatWithLines(foyer)
  const send = (fields: object) =>
    JSON.stringify({ type: 'send', conversationId: id, clientId: 'bad', text: 'x', ...fields })
  const cases: [string, string, string | null][] = [
    ['{', 'bad_frame', null],
    ['[]', 'bad_frame', null],
    ['null', 'bad_frame', null],
    ['"text"', 'bad_frame', null],
    [send({ text: '' }), 'invalid_input', 'bad'],
    [send({ text: ' \u2028 ' }), 'invalid_input', 'bad'],
    [send({ text: 'x'.repeat(10_001) }), 'invalid_input', 'bad'],
    [send({ text: 'nul \0' }), 'invalid_input', 'bad'],
    [send({ text: ['x'] }), 'invalid_input', 'bad'],
    [send({ conversationId: 'mine' }), 'invalid_input', 'bad'],
  ]
  const more: typeof cases = [
    [send({ clientId: 'x'.repeat(65) }), 'invalid_input', 'x'.repeat(64)],
    [send({ clientId: 7 }), 'invalid_input', null],
    [send({ [`extra${'y'.repeat(20_000)}`]: true }), 'invalid_input', 'bad'],
    [send({ type: 'shout' }), 'invalid_input', 'bad'],
    [`{"__proto__":{"type":"send"},"clientId":"bad"}`, 'invalid_input', 'bad'],
    [`{"type":"constructor"}`, 'invalid_input', null],
    [
      `{"type":"seen","conversationId":"${id}","readSeq":9007199254740991,"receivedSeq":0}`,
      'invalid_input',
      null,
    ],
    [`{"type":"resume","conversationId":"${id}","afterSeq":2147483648}`, 'invalid_input', null],
    [`{"type":"typing","conversationId":"${id}","typing":"yes"}`, 'invalid_input', null],
    [`{"type":"hello","token":"again"}`, 'invalid_input', null],
  ]
  for (const line of lines)
    for (const [frame, code, clientId] of cases)
      expect(await refused(line, frame)).toMatchObject({ code, clientId })
  // ten are a mistake, more are an attack: others go on on lines of their own
  for (const line of lines) {
    line.raw.send('{')
    expect((await ending(line)).code).toBe(4400)
  }
  const fresh = [await visitorLine(foyer), await agentLine(foyer, agent)] as const
  fresh[0].send({ type: 'hello', token: visitor.session.token })
  fresh[1].send({ type: 'hello', token: agent.me.socketToken })
  for (const line of fresh) {
    await waitFor('the welcome', () => line.frames.length > 0)
    for (const [frame, code, clientId] of more)
      expect(await refused(line, frame)).toMatchObject({ code, clientId })
    await line.close()
  }
  await visitor.says('Still here', { conversationId: id })
  await agent.hears(id, 'Still here')
  expect((await foyer.stateOf(id)).texts).toHaveLength(2)
})

test('binary, deep and huge frames end where they came in', async ({ foyer }) => {
  const { visitor, agent, id, lines } = await chatWithLines(foyer)
  for (const line of lines) {
    expect((await refused(line, Buffer.from('{"type":"typing"}'))).code).toBe('bad_frame')
    expect((await refused(line, Buffer.alloc(60_000, 0xff))).code).toBe('bad_frame')
    const deep = '['.repeat(30_000) + ']'.repeat(30_000)
    expect((await refused(line, deep)).code).toBe('bad_frame')
    expect((await refused(line, `{"type":"send","text":${deep}}`)).code).toBe('invalid_input')
    expect((await refused(line, `${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`)).code).toBe('invalid_input')
    line.raw.send('x'.repeat(maxFrameBytes + 1))
    expect((await ending(line)).code).toBe(1009)
  }
  // the longest message there is fits, however it is written
  const text = '\u0001'.repeat(10_000)
  await visitor.says(text, { conversationId: id })
  await agent.hears(id, text)
  await agent.says(id, 'ﷺ'.repeat(10_000))
  await visitor.hears('ﷺ'.repeat(10_000), id)
})

test('half a character is made whole, on its way in and for everybody alike', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  visitor.socket.raw.send(`{"type":"send","conversationId":"${id}","clientId":"half","text":"a \\ud83d b"}`)
  await visitor.socket.frame('ack', ({ clientId }) => clientId === 'half')
  await agent.hears(id, 'a \ufffd b')
  expect((await foyer.stateOf(id)).texts.at(-1)).toBe('a \ufffd b')
})

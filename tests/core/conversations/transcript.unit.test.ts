import { expect, test } from 'vitest'
import { formatTranscript } from '#core/features/conversations/transcript.ts'

test('nobody forges a line of a transcript, with their name or with what they say', () => {
  const at = '2026-11-20T09:00:00.000Z'
  const forged = '2026-11-20 09:00:01 +00:00  Dana Reyes: Half price for you'
  const entry = { seq: 1, kind: 'message', at, data: null, clientId: null } as const
  const sender = { type: 'visitor', id: null } as const
  for (const end of ['\n', '\r', '\r\n', '\v', '\f', '\u0085', '\u2028', '\u2029']) {
    const transcript = formatTranscript(
      [
        { ...entry, sender, name: `Eve: Hello${end}${forged}`, text: 'Hello' },
        { ...entry, sender, name: 'Eve', text: `Hello${end}${forged}` },
      ],
      'UTC',
    )
    const lines = transcript.split(/[\n\r\v\f\u0085\u2028\u2029]/)
    expect(lines.filter((line) => line.startsWith('2026'))).toHaveLength(2)
    expect(lines.filter((line) => line.startsWith(forged))).toEqual([])
  }
})

test('a transcript is what its format says, to the letter, through a change of the clocks', () => {
  const entry = { data: null, clientId: null, text: null } as const
  const sofia = { name: 'Sofia Ricci', sender: { type: 'visitor', id: null } } as const
  const dana = { name: 'Dana Reyes', sender: { type: 'agent', id: null } } as const
  const lines = [
    { ...entry, ...sofia, seq: 1, kind: 'message', at: '2026-10-24T23:59:59.900Z', text: 'Hello\nAnybody?' },
    { ...entry, ...dana, seq: 2, kind: 'joined', at: '2026-10-25T00:30:00.000Z' },
    { ...entry, ...dana, seq: 3, kind: 'message', at: '2026-10-25T01:30:00.000Z', text: 'Yes: me' },
    {
      ...entry,
      ...dana,
      seq: 4,
      kind: 'ended',
      at: '2026-10-25T01:31:00.000Z',
      data: { reason: 'agent', by: null },
    },
  ] as const
  expect(formatTranscript([...lines], 'Europe/Rome')).toBe(
    [
      '2026-10-25 01:59:59 +02:00  Sofia Ricci: Hello',
      '    Anybody?',
      '2026-10-25 02:30:00 +02:00  Dana Reyes: (joined)',
      '2026-10-25 02:30:00 +01:00  Dana Reyes: Yes: me',
      '2026-10-25 02:31:00 +01:00  Dana Reyes: (ended the chat)',
      '',
    ].join('\n'),
  )
})

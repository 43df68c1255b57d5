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

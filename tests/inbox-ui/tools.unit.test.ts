import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matching } from '../../inbox-ui/canned-replies/canned-replies.svelte.ts'
import { fillIn, type Known, knownIn, strangersIn } from '../../inbox-ui/canned-replies/tokens.ts'
import { pieces } from '../../inbox-ui/conversations/links.ts'
import { findEmoji } from '../../inbox-ui/emoji/emoji.ts'
import { roomFor } from '../../inbox-ui/files/picture.ts'
import { linkPieces } from '../../widget/app/links.ts'
import { aConversation } from './samples.ts'

const me = { name: 'Dana Reyes', organisation: { name: 'Meridian' } }
const known: Known = knownIn(aConversation('c'), null, me)

test('a canned reply is filled with what is known, or with what to say instead, or left empty and named', () => {
  expect(fillIn('Hi {{visitor.firstName}} from {{ agent.name }}, {{site.name}}', known)).toEqual({
    text: 'Hi Sofia from Dana Reyes, Main site',
    unknown: [],
  })
  expect(fillIn('{{visitor.company|your company}}|{{visitor.company}}|{{visitor.company|}}', known)).toEqual({
    text: 'your company||',
    unknown: ['visitor.company'],
  })
  // no name of JavaScript's is a token's, and nothing is filled in twice
  expect(fillIn('{{constructor}} {{toString|x}}', known)).toEqual({ text: ' x', unknown: ['constructor'] })
  const sly = { ...known, 'visitor.name': '{{agent.name}} $& $1' }
  expect(fillIn('{{visitor.name}}', sly).text).toBe('{{agent.name}} $& $1')
  expect(strangersIn('{{visitor.name}} {{visitor.nmae|x}} {{ foo }}')).toEqual(['visitor.nmae', 'foo'])
  fc.assert(fc.property(fc.string(), (text) => void fillIn(text, known)))
})

test('canned replies are found by shortcut first, then by their words', () => {
  const reply = (shortcut: string, text: string) => ({
    id: shortcut,
    shared: false,
    shortcut,
    text,
    version: '',
  })
  const all = [
    reply('bye', 'Say hello to all'),
    reply('ahello', 'x'),
    reply('hello', 'y'),
    reply('other', 'z'),
  ]
  expect(matching(all, 'HELLO').map(({ id }) => id)).toEqual(['hello', 'ahello', 'bye'])
  expect(matching(all, ' ')).toHaveLength(4)
})

test('only http, https and mailto ever become a link, on both sides', () => {
  const text =
    'See https://a.example/x, mailto:ann@a.example. javascript:alert(1) data:text/html,x vbscript:x file:///etc mailto:x?body=y'
  const wanted = ['https://a.example/x', 'mailto:ann@a.example']
  for (const cut of [pieces, linkPieces]) {
    expect(cut(text).flatMap(({ href }) => href ?? [])).toEqual(wanted)
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (any) => {
        const found = cut(`${any} mailto:${any}@${any} https://${any}`)
        expect(found.map((piece) => piece.text).join('')).toBe(`${any} mailto:${any}@${any} https://${any}`)
        for (const { href } of found) if (href) expect(href).toMatch(/^(https?|mailto):/i)
      }),
    )
  }
})

test('the room for a picture keeps its shape within bounds, and bombs get none', () => {
  const file = { id: 'f', mediaType: 'image/png', size: 1 }
  expect(roomFor({ ...file, width: 2_600, height: 1_000 })).toEqual({ width: 260, height: 100 })
  expect(roomFor({ ...file, width: 10, height: 4_000 })).toEqual({ width: 24, height: 200 })
  expect(roomFor({ ...file, width: 60_000, height: 60_000 })).toBeNull()
  expect(roomFor({ ...file, width: null, height: null })).toBeNull()
  expect(roomFor({ ...file, mediaType: 'image/heic', width: 10, height: 10 })).toBeNull()
})

test('emoji are found by any of their words', () => {
  expect(findEmoji('thumb up')).toEqual([
    { group: 'gestures', list: [{ emoji: '👍', name: 'thumbs up yes' }] },
  ])
  expect(findEmoji('').map(({ group }) => group)).toEqual(['smileys', 'gestures', 'things'])
  expect(findEmoji('no such thing')).toEqual([])
  const all = findEmoji('').flatMap(({ list }) => list)
  expect(new Set(all.map(({ emoji }) => emoji)).size).toBe(all.length)
})

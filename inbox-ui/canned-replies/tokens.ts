import type { Conversation } from '../../core/contracts/conversations.ts'
import type { Visitor } from '../../core/contracts/visitors.ts'

/** What a canned reply can name, in the order they are offered. */
export const tokens = [
  'visitor.name',
  'visitor.firstName',
  'visitor.email',
  'visitor.jobTitle',
  'visitor.company',
  'agent.name',
  'agent.firstName',
  'site.name',
  'page.title',
  'organisation.name',
] as const
export type Token = (typeof tokens)[number]

/** What each token stands for in one chat; null where nobody knows. */
export type Known = Record<Token, string | null>

/** `{{visitor.name}}`, or with what to say where it is not known: `{{visitor.name|there}}`. */
const token = /\{\{\s*([\w.]+)\s*(?:\|([^{}]*))?\}\}/g

/** The text with its tokens filled in, and those for which nothing is known, nor anything said instead: they are left
 *  empty. What was filled in is not looked through again. */
export function fillIn(text: string, known: Known): { text: string; unknown: string[] } {
  const unknown = new Set<string>()
  const filled = text.replaceAll(token, (_whole, name: string, instead: string | undefined) => {
    const value = Object.hasOwn(known, name) ? known[name as Token] : null
    if (value) return value
    if (instead === undefined) unknown.add(name)
    return instead?.trim() ?? ''
  })
  return { text: filled, unknown: [...unknown] }
}

/** Tokens of a text that Foyer does not know, such as misspelt ones. */
export const strangersIn = (text: string): string[] =>
  [...new Set([...text.matchAll(token)].map(([, name = '']) => name))].filter(
    (name) => !(tokens as readonly string[]).includes(name),
  )

/** @param visitor the panel, which knows more than the row. */
export function knownIn(
  conversation: Conversation,
  visitor: Visitor | null,
  me: { name: string; organisation: { name: string } },
): Known {
  const name = visitor?.name ?? conversation.visitor.name
  return {
    'visitor.name': name,
    'visitor.firstName': first(name),
    'visitor.email': visitor?.email ?? conversation.visitor.email,
    'visitor.jobTitle': visitor?.jobTitle ?? null,
    'visitor.company': visitor?.company ?? conversation.visitor.company,
    'agent.name': me.name,
    'agent.firstName': first(me.name),
    'site.name': conversation.site.name,
    'page.title': visitor?.page?.title ?? conversation.page?.title ?? null,
    'organisation.name': me.organisation.name,
  }
}

const first = (name: string | null) => name?.trim().split(/\s+/)[0] ?? null

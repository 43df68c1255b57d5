/** How an entry that Foyer wrote says so where no field for it is installed: `Chat with Sofia Ricci [foyer-chat-42]`. */
const mark = /\s*\[(foyer-(?:chat|meeting)-[\w-]+)\]$/

const subjectAtMost = 255

/** The subject with its mark, within what Salesforce takes. */
export function withKey(subject: string, key: string): string {
  const end = ` [${key}]`
  return (
    subject
      .slice(0, subjectAtMost - end.length)
      .replace(/[\uD800-\uDBFF]$/, '')
      .trimEnd() + end
  )
}

export const keyIn = (subject: string): string | null => mark.exec(subject)?.[1] ?? null

export const withoutKey = (subject: string): string => subject.replace(mark, '')

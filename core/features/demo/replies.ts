import type { SaveCannedReply } from '../../contracts/canned-replies.ts'

/** What the shop's agents write again and again, by shortcut. */
export const sampleReplies: readonly SaveCannedReply[] = [
  {
    shared: true,
    shortcut: 'hello',
    text: 'Hello {{visitor.firstName|there}}, this is {{agent.firstName}} from {{organisation.name}}. How can I help?',
  },
  {
    shared: true,
    shortcut: 'lead-time',
    text: 'We make every lamp to order: three to four weeks at the moment, a week more for brushed brass.',
  },
  {
    shared: true,
    shortcut: 'floor-plan',
    text: 'Could you send me the floor plan as a PDF or a picture? I will mark where the lamps go and what they need.',
  },
  {
    shared: true,
    shortcut: 'trade',
    text: 'For the trade we give 15% from ten pieces on, and a fixed contact: me, if you like.',
  },
]

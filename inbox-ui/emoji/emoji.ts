/** A few that people who sell and help use, by group: each with the words that find it, the first of them its name. */
const groups = {
  smileys:
    '😀 grin happy|😂 joy laugh tears|🙂 smile|😉 wink|😊 blush pleased|😍 love eyes|😘 kiss|😎 cool sunglasses|🤔 thinking hm|😐 neutral|🙄 eye roll|😴 sleep tired|😢 cry sad|😭 sob|😅 sweat relief|😬 grimace awkward|😡 angry|🤯 mind blown|🥳 party celebrate|🤗 hug|😇 angel|🤩 star struck|😕 confused|😮 surprised wow',
  gestures:
    '👍 thumbs up yes|👎 thumbs down no|👌 ok perfect|👏 clap applause|🙏 thanks please|🙌 hooray|💪 strong|👋 wave hello bye|🤝 handshake deal|✌️ peace|🤞 fingers crossed luck|👀 eyes look|🫶 heart hands|☝️ point up|👉 point right|🤷 shrug',
  things:
    '❤️ heart love|🎉 tada party|✨ sparkles|🔥 fire hot|⭐ star|💡 idea|✅ check done|❌ cross no|⚠️ warning|❓ question|❗ important|📎 paperclip attachment|📅 calendar date|📞 phone call|📧 mail|📄 document page|💬 message chat|⏰ clock time|📦 parcel delivery|🚚 truck delivery|💶 euro money|💵 dollar money|📈 chart growth|🔧 tool fix|🔒 lock secure|🌍 world|☕ coffee|🍕 pizza|🎂 cake birthday|🎁 gift|🚀 rocket fast|🏆 trophy win',
}
export type EmojiGroup = keyof typeof groups

export interface Emoji {
  emoji: string
  name: string
}

/** @returns the groups that have something in them, with what is found by every word of the query. */
export function findEmoji(query: string): { group: EmojiGroup; list: Emoji[] }[] {
  const wanted = query.trim().toLowerCase().split(/\s+/).filter(Boolean)
  return (Object.keys(groups) as EmojiGroup[])
    .map((group) => ({
      group,
      list: read(groups[group]).filter(({ name }) => wanted.every((word) => name.includes(word))),
    }))
    .filter(({ list }) => list.length > 0)
}

const read = (text: string): Emoji[] =>
  text.split('|').map((one) => {
    const [emoji = '', ...words] = one.split(' ')
    return { emoji, name: words.join(' ') }
  })

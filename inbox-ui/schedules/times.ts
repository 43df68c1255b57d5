/** Times of day as people type them: "9", "930", "9.30", "9:30", "9 pm", "24:00". */

/** @returns "HH:MM", or null for what is no time. 24:00 is one, for ends; so is 00:00, which is another. */
export function parseTime(text: string): string | null {
  const match = /^\s*(\d{1,2})(?:\s*[:.h]?\s*(\d{2}))?\s*(am|pm|a\.m\.|p\.m\.)?\s*$/i.exec(text)
  if (!match) return null
  let hours = Number(match[1])
  const minutes = Number(match[2] ?? 0)
  const half = match[3]?.[0]?.toLowerCase()
  if (half) {
    if (hours < 1 || hours > 12) return null
    hours = (hours % 12) + (half === 'p' ? 12 : 0)
  }
  if (hours > 24 || minutes > 59 || (hours === 24 && minutes > 0)) return null
  return clockOf(hours * 60 + minutes)
}

/** "HH:MM" for minutes since midnight. */
export const clockOf = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`

/** Minutes since midnight of "HH:MM". */
export const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))

export const endOfDay = '24:00'
export const startOfDay = '00:00'

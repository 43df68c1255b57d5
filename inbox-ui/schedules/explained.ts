import type { AvailabilityExplanation, DatedBlock } from '../../core/contracts/schedules.ts'
import type { Format } from '../messages/format.ts'
import type { Messages } from '../messages/language.ts'

/** Why somebody is available or not, a sentence a fact, the one that decided first. Times are those of the schedule's
 *  zone, as its clock shows them. */
export function explainedInWords(
  explained: AvailabilityExplanation,
  text: Messages,
  format: Format,
): string[] {
  const words = text.schedules
  const { override, scheduled, blocks, dateOff, nextBlock, untilLocal } = explained
  const day = (date: string) => format.calendarDate(date)
  const block = ({ start, end }: DatedBlock) => words.block(start, end)
  const at = (localTime: string) => `${day(localTime.slice(0, 10))}, ${localTime.slice(11)}`
  const said: string[] = []
  if (override) {
    const since = at(override.setAtLocal)
    if (override.cause === 'missed_offers') said.push(words.overrideMissed(since))
    else if (override.cause === 'supervisor') said.push(words.overrideSupervisor(since))
    else said.push(override.status === 'available' ? words.overrideOn(since) : words.overrideOff(since))
    const ends = { chosen_end: words.endsChosen, midnight: words.endsMidnight, block_start: words.endsBlock }
    said.push(ends[override.ends](at(override.endsAtLocal)))
  }
  const [first] = blocks
  if (dateOff) said.push(words.onDateOff(day(dateOff)))
  if (scheduled.available && first) {
    if (override) said.push(words.blockInReturn(day(first.date), block(first)))
    else if (blocks.length === 1) said.push(words.inBlock(day(first.date), block(first)))
    else said.push(words.inBlocks(format.list(blocks.map((one) => `${day(one.date)} ${block(one)}`))))
  } else {
    said.push(override ? words.noBlockInReturn : words.noBlock)
    said.push(nextBlock ? words.nextBlock(day(nextBlock.date), block(nextBlock)) : words.noNextBlock)
  }
  if (!override) said.push(untilLocal ? words.changes(at(untilLocal)) : words.never)
  return said
}

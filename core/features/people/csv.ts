import { pipeline, Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { FoyerError } from '../../errors.ts'

export const maxFileBytes = 20 * 1024 * 1024
const maxRows = 200_000
const maxRecordBytes = 64 * 1024

export interface CsvRow {
  /** As a spreadsheet counts: the heading is row 1. */
  number: number
  cells: string[]
}

/** What could be read of a file ends here: the rows before were good. */
export class UnreadableRowError extends Error {
  readonly row: number

  constructor(row: number, message: string) {
    super(message)
    this.row = row
  }
}

/**
 * The rows of a CSV file as it comes in: UTF-8 or UTF-16 with or without its mark, separated by comma, semicolon or tab.
 * @throws {UnreadableRowError} where the file stops being CSV, or goes on for too long
 */
export async function* readCsv(file: Readable): AsyncGenerator<CsvRow> {
  const bytes = limited(file)[Symbol.asyncIterator]()
  // the separator is decided by the heading, which arrives with the first bytes
  const head: Buffer[] = []
  for (let size = 0; size < maxRecordBytes; ) {
    const { value, done } = await bytes.next()
    if (done) break
    head.push(value)
    size += value.length
    if (value.includes(0x0a)) break
  }
  const beginning = Buffer.concat(head)
  const rest = { [Symbol.asyncIterator]: () => bytes }
  let problem: string | undefined
  const parser = parse({
    bom: true,
    delimiter: separatorOf(beginning),
    relax_column_count: true,
    relax_quotes: true,
    max_record_size: maxRecordBytes,
    // a failing parser would throw away the good rows it still holds; a skipping one yields nothing after the first fault
    skip_records_with_error: true,
    on_skip: (error) => {
      problem ??= sentences[error?.code ?? ''] ?? 'From here on this is not CSV.'
      return undefined
    },
  })
  // what fails on the way fails the loop below
  pipeline(Readable.from(joined(beginning, rest), { objectMode: false }), parser, () => undefined)
  let number = 0
  for await (const cells of parser as AsyncIterable<string[]>) {
    number++
    if (number > maxRows + 1)
      throw new UnreadableRowError(
        number,
        `A file has at most ${maxRows.toLocaleString('en')} rows; the others were left out.`,
      )
    yield { number, cells }
  }
  if (problem !== undefined) throw new UnreadableRowError(number + 1, problem)
}

/** The two faults left with these options: https://csv.js.org/parse/errors/ */
const sentences: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: 'A quotation mark opens here and never closes.',
  CSV_MAX_RECORD_SIZE: 'This row is too long; is a closing quotation mark missing?',
}

async function* limited(file: Readable): AsyncGenerator<Buffer> {
  let size = 0
  for await (const chunk of file as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxFileBytes)
      throw new FoyerError(413, 'too_large', 'A file has at most 20 MB. Split it into several.')
    yield chunk
  }
}

async function* joined(beginning: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (beginning.length > 0) yield beginning
  yield* rest
}

function separatorOf(beginning: Buffer): string {
  const utf16 = beginning[0] === 0xff && beginning[1] === 0xfe
  const heading = beginning.toString(utf16 ? 'utf16le' : 'utf8').split(/\r?\n/, 1)[0] ?? ''
  const outsideQuotes = heading.replace(/"[^"]*"/g, '')
  const times = (separator: string) => outsideQuotes.split(separator).length
  return [',', ';', '\t'].reduce((best, separator) => (times(separator) > times(best) ? separator : best))
}

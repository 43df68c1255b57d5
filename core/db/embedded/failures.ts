import { StartError } from '#core/errors.ts'

/** Turns what the file system or PostgreSQL said into one sentence about what to do.
 *  @param task what Foyer tried, as in "create its database". */
export function startErrorOf(error: unknown, task: string, folder: string): StartError {
  if (error instanceof StartError) return error
  const { code, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : {}
  const said = message || String(error)
  if (code === 'ENOSPC' || code === 'EDQUOT' || /no space left|disk quota exceeded/i.test(said))
    return new StartError(
      `Foyer could not ${task}: the disk that holds ${folder} is full. Free some space and start Foyer again.`,
      { cause: error },
    )
  if (code === 'EROFS' || /read-only file system/i.test(said))
    return new StartError(
      `Foyer could not ${task}: ${folder} is on a read-only disk. Set FOYER_DATA_DIR to a folder Foyer may write to.`,
      { cause: error },
    )
  if (code === 'EACCES' || code === 'EPERM')
    return new StartError(
      `Foyer could not ${task}: it may not write to ${folder} (${said}). Give it that folder, or set FOYER_DATA_DIR to another one.`,
      { cause: error },
    )
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return new StartError(
      `Foyer could not ${task}: ${folder} is not a folder (${said}). Set FOYER_DATA_DIR to a folder.`,
      { cause: error },
    )
  return new StartError(`Foyer could not ${task} in ${folder}: ${said}`, { cause: error })
}

/** What matters of PostgreSQL's own words: the last few complaints, without dates and process numbers. */
export function complaintsIn(output: string): string {
  const lines = output
    .split('\n')
    // that one only answers Foyer's own asking whether it is ready
    .filter((line) => line.trim() !== '' && !line.includes('the database system is starting up'))
  const complaints = lines.filter((line) =>
    /\b(?:FATAL|PANIC|ERROR|DETAIL|HINT)\b|error:|could not|cannot/.test(line),
  )
  const told = (complaints.length > 0 ? complaints : lines).slice(-4)
  return told.map((line) => line.replace(/^.*?\[\d+\]\s+/, '').trim()).join(' · ')
}

import { InvalidInputError } from '../../errors.ts'
import type { Kind } from './kinds.ts'

const longest = 120

/** Invisible, or turning what follows around, so that a name reads as another one: controls, formats (right-to-left
 *  overrides, zero widths), halves of characters, private ones. */
const misleading = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu
/** What no file system takes, and what a shell or a header might take for something else. */
const unfit = /[<>:"/\\|?*]/g

/** A name as people see it and as a download is called, made of what the sender sent.
 *  @param encoded as encodeURIComponent writes it.
 *  @throws {InvalidInputError} for what is no such thing */
export function cleanName(encoded: string, kind: Kind): string {
  const whole = decode(encoded)
  const last = whole.split(/[/\\]/).at(-1) ?? ''
  const plain = last
    .toWellFormed()
    .normalize('NFC')
    .replaceAll(misleading, '')
    .replaceAll(unfit, '_')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/^[. ]+|[. ]+$/g, '')
  const ending = /\.([a-z0-9]{1,8})$/i.exec(plain)?.[1]
  const fits = ending !== undefined && kind.endings.includes(ending.toLowerCase())
  const stem = fits ? plain.slice(0, -ending.length - 1) : plain
  const short = [...stem].slice(0, longest).join('').trim() || 'file'
  return `${short}.${fits ? ending : kind.endings[0]}`
}

function decode(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    throw new InvalidInputError('The name of the file cannot be read.', [
      { field: 'foyer-file-name', message: 'Not percent-encoded UTF-8.' },
    ])
  }
}

/** RFC 6266 and RFC 8187: the name in ASCII for whoever knows no better, then the whole. */
export function dispositionOf(name: string, isShown: boolean): string {
  const plain = name.replaceAll(/[^ -~]/g, '_').replaceAll(/["\\%]/g, '_')
  const whole = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `${isShown ? 'inline' : 'attachment'}; filename="${plain}"; filename*=UTF-8''${whole}`
}

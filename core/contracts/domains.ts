import { isFreeMail } from './free-mail.ts'

/** What registries sell names under: everybody's, like free mail. */
const sharedEnding = /^(ac|co|com|edu|gob|gouv|gov|mil|ne|net|or|org)\.[a-z]{2}$/
const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** A company's domain out of what people paste: a domain, an e-mail address, a web address. In ASCII (punycode) and lower
 *  case, without "www.". @returns the domain, or in a sentence why it can be none. */
export function normaliseDomain(
  text: string,
): { domain: string; problem: null } | { domain: null; problem: string } {
  const written = text.trim()
  if (written === '') return refused('A domain is needed, such as northwind.com.')
  const shown = written.length > 100 ? `${written.slice(0, 100)}…` : written
  const host = written
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/[/?#].*$/s, '')
    .replace(/^.*@/s, '')
    .replace(/\.$/, '')
  // the parser of web addresses knows how names in other scripts are written in ASCII
  const ascii = /[\s:\\%[\]]/.test(host) ? '' : (URL.parse(`http://${host}`)?.hostname ?? '')
  const domain = ascii.replace(/^www\.(?=.+\.)/, '')
  const labels = domain.split('.')
  const isDomain =
    labels.length >= 2 &&
    domain.length <= 253 &&
    labels.every((one) => label.test(one)) &&
    !/^\d+$/.test(labels.at(-1) ?? '')
  if (!isDomain) return refused(`“${shown}” is not a domain, such as northwind.com.`)
  if (isFreeMail(domain))
    return refused(
      `Anybody can have an address at ${domain}, so it belongs to no company. Use the company’s own domain.`,
    )
  if (sharedEnding.test(domain))
    return refused(`Many companies share the ending ${domain}. Use the company’s own domain.`)
  return { domain, problem: null }
}

const refused = (problem: string) => ({ domain: null, problem })

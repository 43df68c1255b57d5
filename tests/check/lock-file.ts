import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The lock file must install the same bytes from any registry or mirror: exact versions and integrity, no
 *  addresses. npm writes addresses again when it runs without the project's .npmrc. */
export function problemsOf(lockFile: string): string[] {
  const { packages } = JSON.parse(lockFile) as {
    packages: Record<string, { resolved?: string; integrity?: string; link?: boolean }>
  }
  return Object.entries(packages).flatMap(([path, { resolved, integrity, link }]) => {
    if (path === '') return []
    const problems: string[] = []
    if (resolved) problems.push(`${path} names the registry it came from: remove "resolved"`)
    if (!integrity && !link) problems.push(`${path} has no integrity`)
    return problems
  })
}

if (import.meta.main) {
  const problems = problemsOf(
    readFileSync(fileURLToPath(new URL('../../package-lock.json', import.meta.url)), 'utf8'),
  )
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exit(1)
  console.log('The lock file has exact packages and no addresses')
}

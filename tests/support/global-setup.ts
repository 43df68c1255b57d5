import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { placesForDatabases } from './places.ts'
import { TestCluster } from './test-cluster.ts'

declare module 'vitest' {
  interface ProvidedContext {
    databaseDesk: string
  }
}

/** One PostgreSQL for the whole run, started when the first suite asks for a database: a run of pure tests never
 *  pays for it. Test files are processes of their own, so they ask over HTTP (see scratchDatabase). */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folders: string[] = []
  for (const place of await placesForDatabases()) {
    const folder = await mkdtemp(join(place, 'foyer-tests-'))
    // run as root, PostgreSQL's own user must get through, or its data would move elsewhere and stay there
    await chmod(folder, 0o711)
    folders.push(folder)
  }
  const cluster = new TestCluster(folders.map((folder) => join(folder, 'data')))
  const desk = createServer((request, response) => {
    serve(cluster, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error instanceof Error ? error.stack : error))
    })
  })
  await new Promise<void>((resolve) => desk.listen(0, '127.0.0.1', resolve))
  project.provide('databaseDesk', `http://127.0.0.1:${(desk.address() as AddressInfo).port}`)
  return async () => {
    desk.closeAllConnections()
    desk.close()
    await cluster.stop()
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  }
}

async function serve(
  cluster: TestCluster,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, , kindOrName = ''] = (request.url ?? '').split('/')
  if (request.method === 'POST') {
    const database = await cluster.create(kindOrName === 'empty' ? 'empty' : 'migrated')
    response.end(JSON.stringify(database))
    return
  }
  await cluster.drop(kindOrName)
  response.end('{}')
}

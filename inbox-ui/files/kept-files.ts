/** A file on its way as the browser keeps it. Without `file`, its disk or this profile had no room for it. */
export interface KeptFile {
  clientId: string
  agentId: string
  conversationId: string
  name: string
  size: number
  file: File | null
  /** When it was chosen, by this browser's clock. */
  at: number
}

/** Where files on their way outlive the page. Best effort: where the browser keeps nothing they live as long as the page. */
export interface FileKeep {
  put(kept: Omit<KeptFile, 'agentId' | 'at'>): Promise<void>
  remove(clientId: string): Promise<void>
  /** What pages before this one left. */
  left(): Promise<KeptFile[]>
  /** Takes a file for this page, so that no other tab sends it too. @returns how to let go; null where another has it. */
  hold(clientId: string): Promise<(() => void) | null>
  clear(): Promise<void>
}

const name = 'foyer-files'
const store = 'files'
const longestMs = 24 * 3_600_000

/** In IndexedDB, the one place that takes files. Of other agents who use this browser it shows nothing. */
export function openFileKeep(agentId: string): FileKeep {
  let opened: Promise<IDBDatabase> | undefined
  const open = () => {
    opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(name, 1)
      request.onupgradeneeded = () => request.result.createObjectStore(store, { keyPath: 'clientId' })
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    return opened
  }
  async function ask<T>(
    mode: IDBTransactionMode,
    work: (files: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> {
    const transaction = (await open()).transaction(store, mode)
    const request = work(transaction.objectStore(store))
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result)
      transaction.onabort = () => reject(transaction.error)
    })
  }
  const remove = (clientId: string) =>
    ask('readwrite', (files) => files.delete(clientId)).catch(() => undefined)
  const own = async () =>
    ((await ask('readonly', (files) => files.getAll())) as KeptFile[]).filter(
      (one) => one.agentId === agentId,
    )

  return {
    remove,
    async put(kept) {
      const row = { ...kept, agentId, at: Date.now() }
      await ask('readwrite', (files) => files.put(row))
        // no room for it: its name at least
        .catch(() => ask('readwrite', (files) => files.put({ ...row, file: null })))
        .catch(() => undefined)
    },
    async left() {
      const all = await own().catch(() => [])
      const old = all.filter(({ at }) => at < Date.now() - longestMs)
      for (const { clientId } of old) await remove(clientId)
      return all.filter((one) => !old.includes(one))
    },
    hold: (clientId) =>
      new Promise((resolve) => {
        // without TLS there are no locks; two tabs that send one file are one file to Foyer
        if (!navigator.locks) return resolve(() => {})
        const lock = (held: Lock | null) =>
          held ? new Promise<void>((letGo) => resolve(letGo)) : resolve(null)
        navigator.locks
          .request(`foyer.file.${clientId}`, { ifAvailable: true }, lock)
          .catch(() => resolve(null))
      }),
    async clear() {
      for (const { clientId } of await own().catch(() => [])) await remove(clientId)
    },
  }
}

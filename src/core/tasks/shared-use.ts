/**
 * Lets several users at the same time share what only one may acquire: the first one acquires, the last one releases.
 */
export class SharedUse<Resource> {
  readonly #shared = new Map<string, Shared<Resource>>()

  /** @param acquire calls its argument with the resource, and releases it when that resolves */
  async use<T>(
    key: string,
    acquire: (hold: (resource: Resource) => Promise<void>) => Promise<void>,
    work: (resource: Resource) => Promise<T>,
  ): Promise<T> {
    const shared = this.#shared.get(key) ?? this.#open(key, acquire)
    shared.users++
    try {
      return await work(await shared.resource)
    } finally {
      if (--shared.users === 0) {
        if (this.#shared.get(key) === shared) this.#shared.delete(key)
        shared.release()
        await shared.released
      }
    }
  }

  #open(key: string, acquire: (hold: (resource: Resource) => Promise<void>) => Promise<void>): Shared<Resource> {
    const { promise: resource, resolve, reject } = Promise.withResolvers<Resource>()
    const { promise: unused, resolve: release } = Promise.withResolvers<void>()
    resource.catch(() => {})
    const released = acquire(async (acquired) => {
      resolve(acquired)
      await unused
    })
    released.catch(reject)
    const shared = { users: 0, resource, release, released: released.catch(() => {}) }
    this.#shared.set(key, shared)
    return shared
  }
}

interface Shared<Resource> {
  users: number
  readonly resource: Promise<Resource>
  readonly release: () => void
  readonly released: Promise<void>
}

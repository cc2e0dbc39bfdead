import { open } from "node:fs/promises"

/** Makes names in directories durable. Callers that come while a sync of the same directory runs share the next one. */
export class DirectorySync {
  readonly #syncs = new Map<string, { running: Promise<void>; next?: Promise<void> }>()

  /** Resolves when every name that the directory had at the call is on disk. */
  sync(directory: string): Promise<void> {
    const state = this.#syncs.get(directory)
    if (!state) {
      const running = this.#sync(directory)
      this.#syncs.set(directory, { running })
      return running
    }
    state.next ??= state.running.then(
      () => this.sync(directory),
      () => this.sync(directory),
    )
    return state.next
  }

  async #sync(directory: string): Promise<void> {
    try {
      await using handle = await open(directory, "r")
      await handle.sync()
    } finally {
      this.#syncs.delete(directory)
    }
  }
}

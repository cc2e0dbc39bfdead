export interface Collected {
  readonly blobs: number
  readonly snapshots: number
  /** Bytes freed on disk. */
  readonly bytes: number
}

/** Mark and sweep over all namespaces: roots are images, containers, leases and `containerd.io/gc.root` labels. */
export interface GarbageCollector {
  /** Collects now; calls while one is under way share its successor. */
  collect(): Promise<Collected>
  /** Deletes interrupted downloads that nobody writes or leases, whatever their age. @returns bytes freed */
  dropInterrupted(): Promise<number>
  /** Forgets what nothing refers to: when this returns, nobody finds it. Its bytes go soon, in the background. */
  forget(): Promise<void>
  /** Asks for a collection soon (after deletions), several requests become one. */
  schedule(): void
}

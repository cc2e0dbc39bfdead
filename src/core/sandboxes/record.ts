/** What is kept of a sandbox, by its key: what it holds, written before that is acquired. Whether it has a network is in the network's records. */
export interface SandboxRecord {
  readonly id: string
  readonly namespace: string
  readonly owner: string
  readonly name: string
  /** The host's boot that it was made in: nothing of it outlives that. */
  readonly boot: string
  /** The file that its IPC namespace is bound to. */
  readonly ipc?: string
  /** It has a PID namespace. */
  readonly pid?: boolean
  /** Where its memory is mounted. */
  readonly sharedMemory?: string
  readonly cgroupParent?: string
}

import type { Labels } from "../metadata/labels.ts"

/**
 * The facts of each topic, in the field names of containerd's events (its api/events). Times are nanoseconds since the epoch. A text
 * or number that is not known is empty or 0, as in protocol buffers.
 */
export interface EventPayloads {
  "/tasks/create": {
    readonly container_id: string
    readonly bundle: string
    /** stdio is the shim's: clients attach to it, there are no paths. */
    readonly io: { readonly stdin: ""; readonly stdout: ""; readonly stderr: ""; readonly terminal: boolean }
    /** The checkpoint's directory, for processes that were restored. */
    readonly checkpoint: string
    readonly pid: number
  }
  "/tasks/start": { readonly container_id: string; readonly pid: number }
  "/tasks/exec-added": { readonly container_id: string; readonly exec_id: string }
  "/tasks/exec-started": { readonly container_id: string; readonly exec_id: string; readonly pid: number }
  "/tasks/exit": {
    readonly container_id: string
    /** The exec's ID, or the container's for its init. */
    readonly id: string
    readonly pid: number
    /** 255 when nobody could know it. */
    readonly exit_status: number
    readonly exited_at: bigint
  }
  /** The kernel killed processes of the container for want of memory; told when its init has ended. */
  "/tasks/oom": { readonly container_id: string }
  "/tasks/paused": { readonly container_id: string }
  "/tasks/resumed": { readonly container_id: string }
  "/tasks/delete": {
    readonly container_id: string
    readonly pid: number
    readonly exit_status: number
    readonly exited_at: bigint
  }
  "/tasks/checkpointed": { readonly container_id: string; readonly checkpoint: string }
  "/containers/create": {
    readonly id: string
    readonly image: string
    readonly runtime: { readonly name: string }
  }
  /** Labels have changed. Extensions are records of higher layers, whose changes are theirs to tell. */
  "/containers/update": {
    readonly id: string
    readonly image: string
    readonly labels: Labels
    readonly snapshot_key: string
  }
  "/containers/delete": { readonly id: string }
  "/images/create": { readonly name: string; readonly labels: Labels }
  "/images/update": { readonly name: string; readonly labels: Labels }
  "/images/delete": { readonly name: string }
  /** An active snapshot; views are not told of. */
  "/snapshot/prepare": { readonly key: string; readonly parent: string; readonly snapshotter: string }
  "/snapshot/commit": { readonly key: string; readonly name: string; readonly snapshotter: string }
  /** A blob of any kind was removed, by a client or by garbage collection. */
  "/snapshot/remove": { readonly key: string; readonly snapshotter: string }
  "/namespaces/create": { readonly name: string; readonly labels: Labels }
  "/namespaces/update": { readonly name: string; readonly labels: Labels }
  "/namespaces/delete": { readonly name: string }
  "/content/create": { readonly digest: string; readonly size: number; readonly mediaType: string }
  /** By a client or by garbage collection. */
  "/content/delete": { readonly digest: string }
}

export type Topic = keyof EventPayloads

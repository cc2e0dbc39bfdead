import type { Labels } from "../metadata/labels.ts"
import type { Scope } from "../scope.ts"

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** The record of a container; a running one is a task. */
export interface ContainerRecord {
  readonly id: string
  /** The image's name or ID at creation; absent for containers without one. */
  readonly image?: string
  readonly labels: Readonly<Record<string, string>>
  /** Key of the active snapshot that is its root file system. */
  readonly snapshotKey?: string
  readonly runtime: string
  /** What higher layers keep with the record, by their name (`engine`, `cri`). */
  readonly extensions: Readonly<Record<string, Json>>
  readonly createdAt: bigint
  readonly updatedAt: bigint
}

export interface NewContainer {
  readonly id: string
  readonly image?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Prepared in the same transaction as the record. */
  readonly snapshot?: {
    readonly key: string
    readonly parent?: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly runtime: string
  readonly extensions?: Readonly<Record<string, Json>>
}

/** Container records. All writes are one transaction each; nothing half-made survives a crash. */
export interface ContainerStore {
  /** @throws alreadyExists; notFound when the snapshot's parent is missing */
  create(scope: Scope, container: NewContainer): Promise<ContainerRecord>
  /** @throws notFound */
  get(scope: Scope, id: string): Promise<ContainerRecord>
  /**
   * All of the namespace, the oldest first; with filters (containerd's, over `id`, `image`, `runtime.name`, `labels`) those that match one.
   * @throws invalidArgument
   */
  list(scope: Scope, filters?: readonly string[]): Promise<readonly ContainerRecord[]>
  /** Replaces one extension. @throws notFound */
  setExtension(scope: Scope, id: string, name: string, value: Json): Promise<void>
  /** Changes labels, all of them or those of a field mask ({@link updatedLabels}). @throws notFound; invalidArgument for another path */
  updateLabels(scope: Scope, id: string, labels: Labels, paths?: readonly string[]): Promise<ContainerRecord>
  /** Removes the record and, with it, its snapshot. @throws notFound */
  remove(scope: Scope, id: string): Promise<void>
  /** Resolves when every change made so far survives a loss of power. */
  flushed(): Promise<void>
}

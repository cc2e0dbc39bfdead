import { join } from "node:path"
import type { LayerImage, LayerTarget } from "../layers/contract.ts"
import type { MountOptions, SnapshotMount, SnapshotTree } from "./contract.ts"
import type { SnapshotRecord } from "./rows.ts"

/** How snapshots lie on disk and come into sight: what differs between the drivers. */
export interface SnapshotForm {
  readonly driver: string
  /** Whether a layer is unpacked without those below it. */
  readonly independent: boolean
  /** Makes the snapshot's directories when they are not there; a crash half-way leaves nothing that looks complete. */
  ensure(snapshot: SnapshotRecord): Promise<void>
  mounts(snapshot: SnapshotRecord, options: MountOptions): Promise<readonly SnapshotMount[]>
  layerTarget(snapshot: SnapshotRecord): LayerTarget
  /** Where the snapshot's own files are. */
  locate(snapshot: SnapshotRecord): Promise<string>
  tree(snapshot: SnapshotRecord): Promise<SnapshotTree>
  settle(snapshot: SnapshotRecord): Promise<boolean>
  /** Brings a committed layer to the disk, where that is not left to the kernel. */
  persist(id: number): Promise<void>
  /** Before a snapshot's files are deleted: lets go of what is mounted of them. */
  hide(id: number): Promise<void>
  /** Lets go of everything that is mounted. */
  close(): void
}

/** Paths under the snapshots' directory. */
export class SnapshotPaths {
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  of(id: number): string {
    return join(this.root, String(id))
  }

  /** The files: a layer's difference, or the whole tree. */
  files(id: number): string {
    return join(this.root, String(id), "fs")
  }

  /** A layer that is mounted from its archive. */
  image(id: number): LayerImage {
    return { archive: join(this.root, String(id), "layer.tar"), index: join(this.root, String(id), "layer.erofs") }
  }

  /** Overlay's scratch space. */
  work(id: number): string {
    return join(this.root, String(id), "work")
  }
}

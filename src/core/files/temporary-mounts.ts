import { lstatSync, mkdirSync, readdirSync, rmdirSync, statSync, unlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { BlockingCalls } from "../../linux/blocking.ts"
import { closeDescriptor } from "../../linux/files.ts"
import { mount, mountFlags } from "../../linux/mount.ts"
import { newId } from "../../std/id.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import { openSubpath } from "./subpath.ts"

/** A mounted tree; disposing unmounts it. */
export interface TemporaryMount extends AsyncDisposable {
  readonly path: string
}

/** Mounts snapshots and paths within volumes for a short while, so that they can be bound into a container. */
export class TemporaryMounts {
  readonly #root: string
  readonly #snapshots: Snapshotter
  readonly #blocking: BlockingCalls

  /** @param options.root a directory of the run root; mounts below it at the start of the daemon are left from a crash */
  constructor(options: { readonly root: string; readonly snapshots: Snapshotter; readonly blocking: BlockingCalls }) {
    this.#root = options.root
    this.#snapshots = options.snapshots
    this.#blocking = options.blocking
  }

  /** Mounts the snapshot `key`, at a path that only root can reach. */
  async mountSnapshot(scope: Scope, key: string): Promise<TemporaryMount> {
    const path = join(this.#root, newId())
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return await this.#mounted(path, async () => {
      for (const each of await this.#snapshots.mounts(scope, key)) mount({ ...each, target: path })
    })
  }

  /** Mounts the file or directory at `subpath` within `base`, safe against renames meanwhile. @throws as {@link openSubpath} */
  async mountSubpath(base: string, subpath: string): Promise<TemporaryMount> {
    const descriptor = openSubpath(base, subpath)
    try {
      const path = join(this.#root, newId())
      const source = `/proc/self/fd/${descriptor}`
      if (statSync(source).isDirectory()) mkdirSync(path, { recursive: true, mode: 0o700 })
      else writeFileSync(path, "", { mode: 0o600 })
      return await this.#mounted(path, () =>
        mount({ source, target: path, flags: mountFlags.bind | mountFlags.recursive }),
      )
    } finally {
      closeDescriptor(descriptor)
    }
  }

  async #mounted(path: string, work: () => Promise<void> | void): Promise<TemporaryMount> {
    const unmount = async () => {
      await this.#blocking.unmount(path)
      removePoint(path)
    }
    try {
      await work()
    } catch (error) {
      await unmount()
      throw error
    }
    return { path, [Symbol.asyncDispose]: unmount }
  }

  /** Unmounts what a crash left. Call before the first mount. */
  async sweep(): Promise<void> {
    mkdirSync(this.#root, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(this.#root)) {
      await this.#blocking.unmount(join(this.#root, name))
      removePoint(join(this.#root, name))
    }
  }
}

/** Removes a mount point, never mounted files: the kernel refuses to remove a directory that is not empty or a file that is mounted on. */
function removePoint(path: string): void {
  if (lstatSync(path).isDirectory()) rmdirSync(path)
  else unlinkSync(path)
}

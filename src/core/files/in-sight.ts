import { lstatSync, mkdirSync, readdirSync, rmdirSync, statSync, unlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { BlockingCalls } from "../../linux/blocking.ts"
import { closeDescriptor } from "../../linux/files.ts"
import { mount, mountFlags } from "../../linux/mount.ts"
import { newId } from "../../std/id.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import { openSubpath } from "./subpath.ts"

/** A tree that can be looked at while it is held. */
export interface InSight extends AsyncDisposable {
  readonly path: string
}

/** Mounts snapshots for a short while, to bind them or what is in them into a container. */
export class RootsInSight {
  readonly #root: string
  readonly #snapshots: Snapshotter
  readonly #blocking: BlockingCalls

  /** @param options.root on the run root: what is mounted below it when the daemon starts is a leftover of a crash */
  constructor(options: { readonly root: string; readonly snapshots: Snapshotter; readonly blocking: BlockingCalls }) {
    this.#root = options.root
    this.#snapshots = options.snapshots
    this.#blocking = options.blocking
  }

  async show(scope: Scope, key: string): Promise<InSight> {
    const path = join(this.#root, newId())
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return await this.#mounted(path, async () => {
      for (const each of await this.#snapshots.mounts(scope, key)) mount({ ...each, target: path })
    })
  }

  /** Shows a file or directory within `base`, however the names that led there change. @throws as {@link openSubpath} */
  async showWithin(base: string, subpath: string): Promise<InSight> {
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

  async #mounted(path: string, work: () => Promise<void> | void): Promise<InSight> {
    const hide = async () => {
      await this.#blocking.unmount(path)
      removePoint(path)
    }
    try {
      await work()
    } catch (error) {
      await hide()
      throw error
    }
    return { path, [Symbol.asyncDispose]: hide }
  }

  /** Takes away what a crash left. Call before the first {@link show}. */
  async sweep(): Promise<void> {
    mkdirSync(this.#root, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(this.#root)) {
      await this.#blocking.unmount(join(this.#root, name))
      removePoint(join(this.#root, name))
    }
  }
}

/** Never what is mounted there: the kernel refuses a directory that holds anything, and a file that is mounted on. */
function removePoint(path: string): void {
  if (lstatSync(path).isDirectory()) rmdirSync(path)
  else unlinkSync(path)
}

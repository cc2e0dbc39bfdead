import { chmodSync, existsSync, mkdirSync, renameSync } from "node:fs"
import { mountFlags } from "../../linux/mount.ts"
import type { WorkerCalls } from "../../std/worker-calls.ts"
import type { LayerTarget } from "../layers/contract.ts"
import type { SnapshotChores } from "./chores.ts"
import type { SnapshotMount, SnapshotTree } from "./contract.ts"
import type { SnapshotForm, SnapshotPaths } from "./form.ts"
import { readOnlyBind } from "./overlay.ts"
import type { SnapshotRecord } from "./rows.ts"

/** Each snapshot's directory holds the whole tree, copied from its parent: works everywhere, costs time and space. */
export class NativeForm implements SnapshotForm {
  readonly driver = "native"
  readonly independent = false
  readonly #paths: SnapshotPaths
  readonly #chores: WorkerCalls<SnapshotChores>

  constructor(paths: SnapshotPaths, chores: WorkerCalls<SnapshotChores>) {
    this.#paths = paths
    this.#chores = chores
  }

  async ensure({ id, info, parents }: SnapshotRecord): Promise<void> {
    const files = this.#paths.files(id)
    // A view shows its parent's directory as it is.
    if (existsSync(files) || (info.kind === "view" && parents.length > 0)) return
    mkdirSync(this.#paths.of(id), { recursive: true, mode: 0o700 })
    if (parents[0] !== undefined) {
      await this.#chores.call("copy", { from: this.#paths.files(parents[0]), to: files })
      return
    }
    mkdirSync(`${files}.new`, { recursive: true })
    chmodSync(`${files}.new`, 0o755)
    renameSync(`${files}.new`, files)
  }

  async mounts({ id, info, parents }: SnapshotRecord): Promise<readonly SnapshotMount[]> {
    const files = this.#paths.files(id)
    if (info.kind === "active") return [{ source: files, flags: mountFlags.bind, upperDir: files }]
    return readOnlyBind(info.kind === "view" && parents[0] !== undefined ? this.#paths.files(parents[0]) : files)
  }

  layerTarget({ id }: SnapshotRecord): LayerTarget {
    return { directory: this.#paths.files(id), overlayForm: false }
  }

  async locate({ id }: SnapshotRecord): Promise<string> {
    return this.#paths.files(id)
  }

  async tree({ id, info, parents }: SnapshotRecord): Promise<SnapshotTree> {
    const below = parents[0] === undefined ? [] : [this.#paths.files(parents[0])]
    return info.kind === "view" ? { layers: below, below } : { layers: [this.#paths.files(id)], below }
  }

  async settle(): Promise<boolean> {
    return true
  }

  async persist(): Promise<void> {}

  async hide(): Promise<void> {}

  close(): void {}
}

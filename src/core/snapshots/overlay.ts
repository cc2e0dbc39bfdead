import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, statSync } from "node:fs"
import { mountFlags } from "../../linux/mount.ts"
import type { WorkerCalls } from "../../std/worker-calls.ts"
import type { SnapshotChores } from "./chores.ts"
import type { LayerTarget, MountOptions, SnapshotMount, SnapshotTree } from "./contract.ts"
import type { SnapshotForm, SnapshotPaths } from "./form.ts"
import type { OverlayAbility } from "./probe.ts"
import type { SnapshotRecord } from "./rows.ts"

/** Each snapshot's directory holds its difference in overlay's form; the kernel joins it with its parents'. */
export class OverlayForm implements SnapshotForm {
  readonly driver = "overlay"
  readonly independent = true
  readonly #paths: SnapshotPaths
  readonly #ability: OverlayAbility
  readonly #chores: WorkerCalls<SnapshotChores>

  constructor(paths: SnapshotPaths, ability: OverlayAbility, chores: WorkerCalls<SnapshotChores>) {
    this.#paths = paths
    this.#ability = ability
    this.#chores = chores
  }

  async ensure({ id, parents, info }: SnapshotRecord): Promise<void> {
    const files = this.#paths.files(id)
    if (existsSync(files)) return
    mkdirSync(this.#paths.of(id), { recursive: true, mode: 0o700 })
    if (info.kind === "active") mkdirSync(this.#paths.work(id), { recursive: true, mode: 0o700 })
    const unfinished = `${files}.new`
    mkdirSync(unfinished, { recursive: true })
    // The top directory's attributes are those of the topmost layer: they must not change with an empty one.
    const below = parents[0] === undefined ? undefined : statSync(this.#paths.files(parents[0]))
    if (below) chownSync(unfinished, below.uid, below.gid)
    chmodSync(unfinished, below ? below.mode & 0o7777 : 0o755)
    renameSync(unfinished, files)
  }

  async mounts(snapshot: SnapshotRecord, options: MountOptions): Promise<readonly SnapshotMount[]> {
    const { id, info } = snapshot
    const active = info.kind === "active"
    const lower = snapshot.parents.map((parent) => this.#paths.files(parent))
    if (!active && info.kind === "committed") lower.unshift(this.#paths.files(id))
    if (active && options.ground) lower.push(options.ground)
    if (!active && lower.length < 2) return readOnlyBind(lower[0] ?? this.#paths.files(id))
    if (lower.length === 0) return [{ source: this.#paths.files(id), flags: bind, upperDir: this.#paths.files(id) }]
    if (existsSync(this.#marker(id))) await this.settle(snapshot)
    const data = [
      ...this.#ability.options,
      ...(active && options.volatile && this.#ability.volatile ? ["volatile"] : []),
    ]
    const upper = this.#paths.files(id)
    return [
      {
        source: "overlay",
        type: "overlay",
        ...(data.length ? { data: data.join(",") } : {}),
        flags: active ? 0 : mountFlags.readonly,
        overlay: active ? { lower, upper, work: this.#paths.work(id) } : { lower },
        lowerDirs: lower,
        ...(active ? { upperDir: upper } : {}),
      },
    ]
  }

  layerTarget({ id }: SnapshotRecord): LayerTarget {
    return { directory: this.#paths.files(id), overlayForm: true }
  }

  tree({ id, info, parents }: SnapshotRecord): SnapshotTree {
    const below = parents.map((parent) => this.#paths.files(parent))
    return info.kind === "view" ? { layers: below, below } : { layers: [this.#paths.files(id), ...below], below }
  }

  async settle({ id }: SnapshotRecord): Promise<void> {
    if (!existsSync(this.#marker(id))) return
    await this.#chores.call("settle", { directory: this.#paths.files(id), marker: this.#marker(id) })
  }

  /** What the kernel leaves while data of a `volatile` mount may not be on disk; it refuses the next mount while this is there. */
  #marker(id: number): string {
    return `${this.#paths.work(id)}/work/incompat`
  }
}

const bind = mountFlags.bind

/** A bind mount becomes read-only with a second call. */
export const readOnlyBind = (directory: string): readonly SnapshotMount[] => [
  { source: directory, flags: bind, lowerDirs: [directory] },
  { source: directory, flags: bind | mountFlags.remount | mountFlags.readonly, lowerDirs: [directory] },
]

import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, statSync } from "node:fs"
import { uptime } from "node:os"
import { Failure } from "../../errors/failure.ts"
import { mountFlags } from "../../linux/mount.ts"
import type { WorkerCalls } from "../../std/worker-calls.ts"
import type { LayerTarget } from "../layers/contract.ts"
import type { SnapshotChores } from "./chores.ts"
import type { MountOptions, SnapshotMount, SnapshotTree } from "./contract.ts"
import type { SnapshotForm, SnapshotPaths } from "./form.ts"
import type { LayerMounts } from "./layer-mounts.ts"
import type { OverlayAbility } from "./probe.ts"
import type { SnapshotRecord } from "./rows.ts"

/**
 * Each snapshot's directory holds its difference in overlay's form, or an image of it that is mounted; the kernel joins it with its
 * parents'.
 */
export class OverlayForm implements SnapshotForm {
  readonly driver = "overlay"
  readonly independent = true
  readonly #paths: SnapshotPaths
  readonly #ability: OverlayAbility
  readonly #chores: WorkerCalls<SnapshotChores>
  readonly #layers: LayerMounts

  constructor(options: {
    readonly paths: SnapshotPaths
    readonly ability: OverlayAbility
    readonly chores: WorkerCalls<SnapshotChores>
    readonly layers: LayerMounts
  }) {
    this.#paths = options.paths
    this.#ability = options.ability
    this.#chores = options.chores
    this.#layers = options.layers
  }

  async ensure({ id, parents, info }: SnapshotRecord): Promise<void> {
    const files = this.#paths.files(id)
    if (existsSync(files)) return
    mkdirSync(this.#paths.of(id), { recursive: true, mode: 0o700 })
    if (info.kind === "active") mkdirSync(this.#paths.work(id), { recursive: true, mode: 0o700 })
    const unfinished = `${files}.new`
    mkdirSync(unfinished, { recursive: true })
    // The top directory's attributes are those of the topmost layer: they must not change with an empty one.
    await this.#layers.prepare(parents)
    const below = parents[0] === undefined ? undefined : statSync(this.#layers.locate(parents[0]))
    if (below) chownSync(unfinished, below.uid, below.gid)
    chmodSync(unfinished, below ? below.mode & 0o7777 : 0o755)
    renameSync(unfinished, files)
  }

  async mounts(snapshot: SnapshotRecord, options: MountOptions): Promise<readonly SnapshotMount[]> {
    const { id, info } = snapshot
    const active = info.kind === "active"
    if (active && this.#layers.isImage(id)) {
      throw new Failure("invalidArgument", `snapshot ${info.name} is a finished layer; commit it to mount it`)
    }
    const layers = info.kind === "committed" ? [id, ...snapshot.parents] : snapshot.parents
    const lower = await this.#locateAll(layers)
    const withImages = layers.some((layer, at) => lower[at] !== this.#paths.files(layer))
    if (active && options.baseLayer) {
      if (options.baseLayerOnTop) lower.unshift(options.baseLayer)
      else lower.push(options.baseLayer)
    }
    if (!active && lower.length < 2) return readOnlyBind(lower[0] ?? this.#paths.files(id))
    if (lower.length === 0) return [{ source: this.#paths.files(id), flags: bind, upperDir: this.#paths.files(id) }]
    const data = [
      ...this.#ability.options,
      // Layers on file systems of their own: inode numbers stay small, which old programs need.
      ...(withImages ? ["xino=off"] : []),
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

  layerTarget({ id, parents }: SnapshotRecord): LayerTarget {
    const image = parents.length === 0 && this.#layers.unable === undefined ? this.#paths.image(id) : undefined
    return { directory: this.#paths.files(id), overlayForm: true, ...(image ? { image } : {}) }
  }

  async locate({ id, info, parents }: SnapshotRecord): Promise<string> {
    if (info.kind !== "committed") return this.#paths.files(id)
    await this.#layers.prepare([id, ...parents])
    return this.#layers.locate(id)
  }

  async tree({ id, info, parents }: SnapshotRecord): Promise<SnapshotTree> {
    const below = await this.#locateAll(parents)
    return info.kind === "view" ? { layers: below, below } : { layers: [this.#layers.locate(id), ...below], below }
  }

  /** Where layers are that lie on each other, top first. */
  async #locateAll(ids: readonly number[]): Promise<string[]> {
    await this.#layers.prepare(ids)
    return ids.map((id) => this.#layers.locate(id))
  }

  async settle({ id }: SnapshotRecord): Promise<boolean> {
    const marker = this.#marker(id)
    const made = statSync(marker, { throwIfNoEntry: false })?.mtimeMs
    if (made === undefined) return true
    await this.#chores.call("settle", { directory: this.#paths.files(id), marker })
    return made >= Date.now() - uptime() * 1000
  }

  persist(id: number): Promise<void> {
    return this.#layers.persist(id)
  }

  hide(id: number): Promise<void> {
    return this.#layers.hide(id)
  }

  close(): void {
    this.#layers.close()
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

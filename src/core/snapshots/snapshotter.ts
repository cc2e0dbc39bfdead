import { mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { messageOf } from "../../errors/failure.ts"
import { spreadDirectories } from "../../linux/file-flags.ts"
import type { Log } from "../../std/log.ts"
import { KeyedMutex } from "../../std/semaphore.ts"
import { WorkerCalls } from "../../std/worker-calls.ts"
import type { EventBus } from "../events/contract.ts"
import { anyOf, type FieldOf, labelAt } from "../filters/filter.ts"
import type { LayerTarget, TreeUsage } from "../layers/contract.ts"
import type { Labels } from "../metadata/labels.ts"
import type { Scope } from "../scope.ts"
import type { SnapshotChores } from "./chores.ts"
import type { MountOptions, SnapshotInfo, SnapshotMount, SnapshotTree, Snapshotter } from "./contract.ts"
import { type SnapshotForm, SnapshotPaths } from "./form.ts"
import { type IdleRule, LayerMounts } from "./layer-mounts.ts"
import { NativeForm } from "./native.ts"
import { OverlayForm } from "./overlay.ts"
import { probeDisk } from "./remembered-probe.ts"
import type { MetadataSnapshotRows, SnapshotChange, SnapshotRecord } from "./rows.ts"

/**
 * Snapshots as rows and directories. A row comes before its directory and goes before it: a directory without a row is
 * an orphan for {@link sweep}, a row without a directory gets one when it is first used. Publishes `/snapshot/prepare`, `/snapshot/commit`
 * and `/snapshot/remove`.
 */
export class DirectorySnapshotter implements Snapshotter, AsyncDisposable {
  /** Why this driver was chosen. */
  readonly why: string
  /** For `info`: what becomes of layers. */
  readonly layers: string
  readonly #rows: MetadataSnapshotRows
  readonly #form: SnapshotForm
  readonly #paths: SnapshotPaths
  readonly #chores: WorkerCalls<SnapshotChores>
  /** One maker of a snapshot's directories, one settler, at a time. */
  readonly #perSnapshot = new KeyedMutex()
  readonly #ensured = new Set<number>()
  readonly #removals = new Set<Promise<void>>()
  /** Layers on their way to the disk. */
  readonly #persisting = new Set<Promise<void>>()
  readonly #log: Log | undefined

  /**
   * @param options.root its directory; made when absent
   * @param options.mounts a directory on the run root, where layers that are images are mounted
   * @param options.driver what the configuration names; chosen by a probe otherwise
   * @param options.unpack whether layers are unpacked even where they could be mounted
   * @param options.idle how long layers stay mounted
   */
  constructor(options: {
    readonly root: string
    readonly mounts: string
    readonly rows: MetadataSnapshotRows
    readonly events: EventBus
    readonly driver?: "overlay" | "native"
    readonly unpack?: boolean
    readonly idle?: IdleRule
    readonly log?: Log
  }) {
    mkdirSync(options.root, { recursive: true, mode: 0o700 })
    spreadDirectories(options.root)
    const { choice, noImages } = probeDisk(options.root, options.driver)
    this.why = choice.why
    this.#rows = options.rows
    this.#log = options.log
    this.#paths = new SnapshotPaths(options.root)
    this.#chores = new WorkerCalls("core/snapshots/chores")
    const { ability } = choice
    if (choice.driver === "overlay") {
      const unable = options.unpack ? "the configuration says so" : noImages
      this.layers = unable === undefined ? "mounted as EROFS images of their archives" : `unpacked: ${unable}`
      const layers = new LayerMounts({
        root: options.mounts,
        paths: this.#paths,
        unable,
        chores: this.#chores,
        ...(options.idle ? { idle: options.idle } : {}),
      })
      this.#form = new OverlayForm({ paths: this.#paths, ability, chores: this.#chores, layers })
    } else {
      this.layers = "unpacked: each is a copy of the one below"
      this.#form = new NativeForm(this.#paths, this.#chores)
    }
    this.#rows.onChanged((change) => this.#follow(options.events, change))
  }

  get driver(): string {
    return this.#form.driver
  }

  get independent(): boolean {
    return this.#form.independent
  }

  async prepare(scope: Scope, key: string, parent: string | undefined, labels?: Labels): Promise<SnapshotInfo> {
    return await this.#create(scope, "active", key, parent, labels)
  }

  async view(scope: Scope, key: string, parent: string | undefined, labels?: Labels): Promise<SnapshotInfo> {
    return await this.#create(scope, "view", key, parent, labels)
  }

  async commit(
    scope: Scope,
    name: string,
    key: string,
    options: { readonly parent?: string; readonly labels?: Labels; readonly usage?: TreeUsage } = {},
  ): Promise<SnapshotInfo> {
    const { id } = await this.#ready(scope, key)
    const info = this.#rows.commit(scope.namespace, name, key, { ...options, lease: scope.lease })
    // Nobody waits for the disk: what is cut off by a loss of power is seen when the layer is mounted.
    this.#afterwards(this.#persisting, this.#form.persist(id), "a layer may not be on the disk yet", id)
    return info
  }

  async stat(scope: Scope, key: string): Promise<SnapshotInfo> {
    return this.#rows.get(scope.namespace, key).info
  }

  async find(scope: Scope, key: string): Promise<SnapshotInfo | undefined> {
    const info = this.#rows.find(scope.namespace, key)
    if (info) this.#rows.hold(scope.namespace, key, scope.lease)
    return info
  }

  async list(scope: Scope, filters?: readonly string[]): Promise<readonly SnapshotInfo[]> {
    const matches = anyOf(filters)
    return this.#rows.list(scope.namespace).filter((info) => matches(fieldsOf(info)))
  }

  async updateLabels(scope: Scope, key: string, labels: Labels, paths?: readonly string[]): Promise<SnapshotInfo> {
    return this.#rows.updateLabels(scope.namespace, key, labels, paths)
  }

  async usage(scope: Scope, key: string): Promise<TreeUsage> {
    const snapshot = this.#rows.get(scope.namespace, key)
    if (snapshot.usage) return snapshot.usage
    const usage = await this.#chores.call("usage", { path: await this.#form.locate(snapshot) })
    if (snapshot.info.kind === "committed") this.#rows.setUsage(snapshot.id, usage)
    return usage
  }

  async mounts(scope: Scope, key: string, options: MountOptions = {}): Promise<readonly SnapshotMount[]> {
    const snapshot = await this.#ready(scope, key)
    return await this.#perSnapshot.run(String(snapshot.id), () => this.#form.mounts(snapshot, options))
  }

  async layerTarget(scope: Scope, key: string): Promise<LayerTarget> {
    return this.#form.layerTarget(await this.#ready(scope, key))
  }

  async tree(scope: Scope, key: string): Promise<SnapshotTree> {
    return await this.#form.tree(await this.#ready(scope, key))
  }

  async settle(scope: Scope, key: string): Promise<boolean> {
    const snapshot = this.#rows.get(scope.namespace, key)
    return await this.#perSnapshot.run(String(snapshot.id), () => this.#form.settle(snapshot))
  }

  async remove(scope: Scope, key: string): Promise<void> {
    this.#rows.remove(scope.namespace, key)
  }

  async sweep(): Promise<number> {
    await Promise.all(this.#removals)
    // Listed before the rows are read: a directory that appears meanwhile is not looked at, and its row was there first.
    const names = readdirSync(this.#paths.root)
    const known = this.#rows.directories()
    let freed = 0
    for (const name of names) {
      if (/^\d+$/.test(name) && known.has(Number(name))) continue
      freed += await this.#chores.call("remove", { path: join(this.#paths.root, name) })
    }
    return freed
  }

  /** Waits for what is under way in the background, lets go of what is mounted and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#removals, ...this.#persisting])
    this.#form.close()
    this.#chores[Symbol.dispose]()
  }

  async #create(
    scope: Scope,
    kind: "active" | "view",
    key: string,
    parent: string | undefined,
    labels?: Labels,
  ): Promise<SnapshotInfo> {
    const info = this.#rows.create(scope.namespace, kind, key, parent, { labels, lease: scope.lease })
    try {
      await this.#ready(scope, key)
    } catch (error) {
      this.#rows.remove(scope.namespace, key)
      throw error
    }
    return info
  }

  /** The snapshot with its directories in place. */
  async #ready(scope: Scope, key: string): Promise<SnapshotRecord> {
    const snapshot = this.#rows.get(scope.namespace, key)
    if (!this.#ensured.has(snapshot.id)) {
      await this.#perSnapshot.run(String(snapshot.id), () => this.#form.ensure(snapshot))
      this.#ensured.add(snapshot.id)
    }
    return snapshot
  }

  /** Publishes a change of a row, and removes the files of one that is gone. */
  #follow(events: EventBus, change: SnapshotChange): void {
    const { driver: snapshotter } = this
    if (change.change === "removed") {
      events.publish(change, "/snapshot/remove", { key: change.name, snapshotter })
      this.#removeFiles(change.id)
      return
    }
    const { name, kind, parent = "" } = change.info
    if (change.change === "committed")
      events.publish(change, "/snapshot/commit", { key: change.key, name, snapshotter })
    else if (kind === "active") events.publish(change, "/snapshot/prepare", { key: name, parent, snapshotter })
  }

  #removeFiles(id: number): void {
    this.#ensured.delete(id)
    const removal = this.#perSnapshot.run(String(id), async () => {
      await this.#form.hide(id)
      await this.#chores.call("remove", { path: this.#paths.of(id) })
    })
    this.#afterwards(this.#removals, removal, "a snapshot's files stay until the next start", id)
  }

  #afterwards(others: Set<Promise<void>>, work: Promise<void>, trouble: string, id: number): void {
    others.add(work)
    work.catch((error) => this.#log?.warn(trouble, { id, error: messageOf(error) })).finally(() => others.delete(work))
  }
}

/** The fields that filters can name. */
const fieldsOf =
  ({ name, kind, parent, labels }: SnapshotInfo): FieldOf =>
  ([first, ...path]) => {
    if (first === "labels") return labelAt(labels, path)
    if (path.length > 0) return undefined
    return first === "name" ? name : first === "kind" ? kind : first === "parent" ? (parent ?? "") : undefined
  }

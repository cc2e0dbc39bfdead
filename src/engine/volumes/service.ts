import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { booleanFilter, exactMatch, type Filters, labelsMatch, patternMatcher } from "../../api/filters.ts"
import type { Volume, VolumeCreateRequest, VolumesPruneResponse, VolumesResponse } from "../../api/volume.ts"
import type { Collection } from "../../core/metadata/contract.ts"
import type { Scope } from "../../core/scope.ts"
import type { VolumeMounts, VolumeSource } from "../../core/volumes/mounts.ts"
import { Failure, kindOf, messageOf } from "../../errors/failure.ts"
import { formatNanos, nowNanos } from "../../std/clock.ts"
import { newId } from "../../std/id.ts"
import type { Log } from "../../std/log.ts"
import { KeyedMutex } from "../../std/semaphore.ts"
import type { Events } from "../events/contract.ts"
import type { VolumeHold, Volumes } from "./contract.ts"
import { checkVolumeOptions } from "./options.ts"

const anonymousLabel = "com.docker.volume.anonymous"

/** What is kept of a volume. */
export interface VolumeRecord {
  readonly createdAt: string
  readonly labels: Readonly<Record<string, string>> | null
  readonly options: Readonly<Record<string, string>> | null
}

export interface VolumeCollaborators {
  /** `<data>/volumes` */
  readonly root: string
  readonly records: Collection<VolumeRecord>
  /** IDs of containers, running or not, that mount a volume. */
  readonly usedBy: (name: string) => readonly string[]
  /** Every volume that some container mounts. */
  readonly used: () => ReadonlySet<string>
  readonly mounts: VolumeMounts
  /** Bytes on disk of a directory. */
  readonly usage: (directory: string) => Promise<number>
  readonly events: Events
  readonly log: Log
}

/** Volumes of the local driver: directories `<data>/volumes/NAME/_data`. The record decides whether a volume exists. */
export class LocalVolumes implements Volumes {
  readonly #with: VolumeCollaborators
  readonly #perVolume = new KeyedMutex()
  /** Who holds each volume. */
  readonly #holders = new Map<string, Set<symbol>>()

  constructor(collaborators: VolumeCollaborators) {
    this.#with = collaborators
    mkdirSync(collaborators.root, { recursive: true, mode: 0o701 })
  }

  async list(_scope: Scope, filters: Filters): Promise<VolumesResponse> {
    const dangling = booleanFilter(filters, "dangling")
    const named = patternMatcher(filters, "name")
    const used = this.#with.used()
    const Volumes: Volume[] = []
    for await (const [name, record] of this.#with.records.each()) {
      if (!named(name) || !exactMatch(filters, "driver", "local") || !labelsMatch(filters, record.labels)) continue
      if (dangling !== undefined && used.has(name) === dangling) continue
      Volumes.push(this.#volume(name, record))
    }
    return { Volumes, Warnings: null }
  }

  async create(_scope: Scope, request: VolumeCreateRequest): Promise<Volume> {
    const driver = request.Driver || "local"
    const anonymous = request.Name === ""
    const name = anonymous ? newId() : request.Name
    if (driver !== "local") {
      throw new Failure(
        "notFound",
        `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
      )
    }
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
      const reason =
        name.length === 1
          ? "volume name is too short, names should be at least two alphanumeric characters"
          : `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`
      throw new Failure("invalidArgument", `create ${name}: ${reason}`)
    }
    if (name.length > 255) {
      throw new Failure("invalidArgument", `create ${name}: volume name is too long, names have at most 255 characters`)
    }
    const options = request.DriverOpts && Object.keys(request.DriverOpts).length > 0 ? request.DriverOpts : null
    if (options) checkVolumeOptions(name, options)
    return await this.#perVolume.run(name, async () => {
      const present = this.#with.records.get(name)
      if (present) return this.#volume(name, present)
      const record: VolumeRecord = {
        createdAt: formatNanos((nowNanos() / 1_000_000_000n) * 1_000_000_000n),
        labels: anonymous ? { ...(request.Labels ?? {}), [anonymousLabel]: "" } : request.Labels,
        options,
      }
      // The record first: a crash leaves a record whose directory comes with its first use, not a directory for ever.
      this.#with.records.put(name, record)
      try {
        mkdirSync(this.#data(name), { recursive: true, mode: 0o755 })
      } catch (error) {
        this.#with.records.delete(name)
        throw error
      }
      // An anonymous volume is as lasting as its container, whose record is flushed with it.
      if (!anonymous) await this.#with.records.flushed()
      this.#tell("create", name)
      return this.#volume(name, record)
    })
  }

  async inspect(_scope: Scope, name: string): Promise<Volume> {
    return this.#volume(name, this.#require(name))
  }

  async remove(_scope: Scope, name: string, options: { readonly force: boolean }): Promise<void> {
    await this.#perVolume.run(name, async () => {
      if (!this.#with.records.get(name)) {
        if (options.force) return
        this.#require(name)
      }
      const users = this.#with.usedBy(name)
      if (users.length > 0) throw new Failure("conflict", `remove ${name}: volume is in use - [${users.join(", ")}]`)
      await this.#delete(name)
    })
  }

  async prune(_scope: Scope, filters: Filters): Promise<VolumesPruneResponse> {
    const all = booleanFilter(filters, "all") ?? false
    const deleted: string[] = []
    let reclaimed = 0
    const used = this.#with.used()
    for await (const [name, record] of this.#with.records.each()) {
      if (!all && record.labels?.[anonymousLabel] === undefined) continue
      // What it holds lies elsewhere: there is no space to reclaim.
      if (sourceOf(record)) continue
      if (!labelsMatch(filters, record.labels) || used.has(name)) continue
      await this.#perVolume.run(name, async () => {
        if (!this.#with.records.get(name) || this.#with.usedBy(name).length > 0) return
        const size = await this.#with.usage(this.#data(name))
        await this.#delete(name)
        deleted.push(name)
        reclaimed += size
      })
    }
    this.#with.events.publish({
      Type: "volume",
      Action: "prune",
      Actor: { ID: "", Attributes: { reclaimed: String(reclaimed) } },
    })
    return { VolumesDeleted: deleted, SpaceReclaimed: reclaimed }
  }

  async acquire(_scope: Scope, name: string): Promise<VolumeHold> {
    return await this.#perVolume.run(name, async () => {
      const record = this.#require(name)
      const { Mountpoint: path } = this.#volume(name, record)
      const source = sourceOf(record)
      const holders = this.#holders.get(name) ?? new Set()
      if (source && holders.size === 0 && !this.#with.mounts.isMounted(path)) {
        ensureDirectory(path)
        await this.#mount(source, path)
      }
      const hold = Symbol(name)
      holders.add(hold)
      this.#holders.set(name, holders)
      const release = () =>
        this.#perVolume.run(name, async () => {
          // Another volume may have the name by now.
          if (!holders.delete(hold) || holders.size > 0 || this.#holders.get(name) !== holders) return
          this.#holders.delete(name)
          if (source) await this.#with.mounts.unmount(path)
        })
      return { path, driver: "local", [Symbol.asyncDispose]: release }
    })
  }

  async #mount(source: VolumeSource, path: string): Promise<void> {
    try {
      await this.#with.mounts.mount(source, path)
    } catch (error) {
      throw new Failure("internal", `error while mounting volume '${path}': ${messageOf(error)}`, error)
    }
  }

  async unmountUnused(): Promise<void> {
    for await (const [name, record] of this.#with.records.each()) {
      if (!sourceOf(record)) continue
      await this.#perVolume.run(name, async () => {
        if (!this.#holders.has(name)) await this.#with.mounts.unmount(this.#data(name))
      })
    }
    await this.#emptyTrash()
  }

  /** Deletes what a crash cut off, but never what is mounted in it. */
  async #emptyTrash(): Promise<void> {
    mkdirSync(this.#trash, { recursive: true, mode: 0o700 })
    try {
      await this.#with.mounts.unmountBelow(this.#trash)
    } catch (error) {
      this.#with.log.warn("files of removed volumes stay", { path: this.#trash, error: messageOf(error) })
      return
    }
    for (const name of readdirSync(this.#trash)) this.#discard(join(this.#trash, name))
  }

  /** Deletes files that are out of sight: nobody waits for it. */
  #discard(path: string): void {
    void this.#with.mounts.removeTree(path).catch((error) => {
      this.#with.log.warn("files of a removed volume stay until the next start", { path, error: messageOf(error) })
    })
  }

  /** Bytes of a volume on disk, for `system df`; -1 for one whose data lie elsewhere. */
  async size(name: string): Promise<number> {
    const record = this.#with.records.get(name)
    return record && sourceOf(record) ? -1 : await this.#with.usage(this.#data(name))
  }

  /**
   * Out of sight first, so that a crash leaves at worst a record of an empty volume. What is mounted in a volume is never
   * deleted with it.
   */
  async #delete(name: string): Promise<void> {
    const { mounts } = this.#with
    while (mounts.isMounted(this.#data(name))) await mounts.unmount(this.#data(name))
    if (mounts.holdsMounts(join(this.#with.root, name))) {
      throw new Failure("conflict", `remove ${name}: volume has active mounts`)
    }
    this.#holders.delete(name)
    const folder = join(this.#with.root, name)
    const trash = join(this.#trash, newId())
    try {
      mkdirSync(this.#trash, { recursive: true, mode: 0o700 })
      renameSync(folder, trash)
    } catch (error) {
      // A full disk may have no room for another name: then removing it takes as long as its files do.
      if (kindOf(error) === "noSpace") await rm(folder, { recursive: true, force: true })
      // Deleted by hand already.
      else if ((error as { code?: string }).code !== "ENOENT") throw error
    }
    this.#with.records.delete(name)
    await this.#with.records.flushed()
    this.#tell("destroy", name)
    this.#discard(trash)
  }

  #require(name: string): VolumeRecord {
    const record = this.#with.records.get(name)
    if (!record) throw new Failure("notFound", `get ${name}: no such volume`)
    return record
  }

  #volume(name: string, record: VolumeRecord): Volume {
    const path = this.#data(name)
    // A directory that was deleted by hand comes back empty instead of failing every start. One that may be mounted is not looked at: its
    // server may not answer.
    if (!sourceOf(record)) ensureDirectory(path)
    return {
      CreatedAt: record.createdAt,
      Driver: "local",
      Labels: record.labels,
      Mountpoint: path,
      Name: name,
      Options: record.options,
      Scope: "local",
    }
  }

  #tell(action: "create" | "destroy", name: string): void {
    this.#with.events.publish({ Type: "volume", Action: action, Actor: { ID: name, Attributes: { driver: "local" } } })
  }

  #data(name: string): string {
    return join(this.#with.root, name, "_data")
  }

  get #trash(): string {
    return join(this.#with.root, ".trash")
  }
}

/** The file system that a volume names; undefined for a directory of ours. */
function sourceOf({ options }: VolumeRecord): VolumeSource | undefined {
  const { device = "", type = "", o = "" } = options ?? {}
  return device || type ? { device, type, options: o } : undefined
}

function ensureDirectory(path: string): void {
  if (!statSync(path, { throwIfNoEntry: false })) mkdirSync(path, { recursive: true, mode: 0o755 })
}

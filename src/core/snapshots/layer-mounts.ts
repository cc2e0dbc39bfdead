import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, rmdirSync, statSync } from "node:fs"
import { open } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Failure, messageOf } from "../../errors/failure.ts"
import { mountErofs } from "../../linux/erofs.ts"
import { mount, mountFlags, umount } from "../../linux/mount.ts"
import { expectedLengths, headLength } from "../../std/erofs/image.ts"
import { KeyedMutex } from "../../std/semaphore.ts"
import type { WorkerCalls } from "../../std/worker-calls.ts"
import type { LayerImage } from "../layers/contract.ts"
import { isMissing } from "../layers/trees.ts"
import type { SnapshotChores } from "./chores.ts"
import type { SnapshotPaths } from "./form.ts"

/** When layers that are not asked for stop being mounted. */
export interface IdleRule {
  /** So many stay however long nobody asks for them: each mount costs the start of every container a little. */
  readonly most: number
  /** Of more, those go that nobody has asked for in this time. Milliseconds */
  readonly after: number
}

const defaultIdle: IdleRule = { most: 256, after: 600_000 }

interface Mounted {
  readonly path: string
  asked: number
}

/**
 * Layers that are images, each mounted once and shared by all that lie on it: from when one is first asked for until it is removed or
 * the daemon ends. Overlays hold their layers by reference: running containers need none of these mounts.
 *
 * All lie below one private mount: no other namespace gets them, and they go together, also what a killed daemon left.
 */
export class LayerMounts {
  /** Why layers are not mounted here; undefined where they are. */
  readonly unable: string | undefined
  readonly #root: string
  readonly #paths: SnapshotPaths
  readonly #chores: WorkerCalls<SnapshotChores>
  readonly #idle: IdleRule
  readonly #unpacking = new KeyedMutex()
  /** In the order in which they were last asked for. */
  readonly #mounted = new Map<number, Mounted>()
  /** Every mount has a place of its own, so that taking one away never meets the next one of its layer. */
  #places = 0

  /** @param options.root where to mount: a directory on the run root */
  constructor(options: {
    readonly root: string
    readonly paths: SnapshotPaths
    readonly unable: string | undefined
    readonly chores: WorkerCalls<SnapshotChores>
    readonly idle?: IdleRule
  }) {
    this.unable = options.unable
    this.#root = options.root
    this.#paths = options.paths
    this.#chores = options.chores
    this.#idle = options.idle ?? defaultIdle
    this.close()
  }

  /**
   * Layers that are images, where images are not mounted: made by a kernel, or in a place, that could. They are unpacked now, and stay so.
   * @param ids a stack of layers, top first
   */
  async prepare(ids: readonly number[]): Promise<void> {
    if (this.unable === undefined) return
    for (const [at, id] of [...ids.entries()].reverse()) {
      await this.#unpacking.run(String(id), async () => {
        if (!this.isImage(id)) return
        const lowerDirs = ids.slice(at + 1).map((below) => this.#paths.files(below))
        await this.#chores.call("unpack", { image: this.#paths.image(id), to: this.#paths.files(id), lowerDirs })
      })
    }
  }

  /**
   * Where the files of a layer are: its directory, or its image, mounted when this returns. Reads no more of the disk than an overlay's
   * own mount. Only for what is {@link prepare}d.
   * @throws internal when an image cannot be mounted; dataLoss when it is not whole
   */
  locate(id: number): string {
    const known = this.#mounted.get(id)
    this.#mounted.delete(id)
    const mounted = known && isMounted(known.path) ? known : this.#mount(id)
    if (!mounted) return this.#paths.files(id)
    mounted.asked = performance.now()
    this.#mounted.set(id, mounted)
    if (!known) this.#hideIdle()
    return mounted.path
  }

  /** Whether a layer is an image. */
  isImage(id: number): boolean {
    return existsSync(this.#paths.image(id).index)
  }

  /** Brings a layer to the disk, if it is an image; what is removed meanwhile is passed over. */
  async persist(id: number): Promise<void> {
    if (!this.isImage(id)) return
    const { archive, index } = this.#paths.image(id)
    for (const path of [archive, index, this.#paths.of(id)]) {
      try {
        await using file = await open(path, "r")
        await file.datasync()
      } catch (error) {
        if (!isMissing(error)) throw error
      }
    }
  }

  /** A layer is removed: takes its mount away. */
  async hide(id: number): Promise<void> {
    const mounted = this.#mounted.get(id)
    if (!mounted) return
    this.#mounted.delete(id)
    await this.#chores.call("hide", { paths: [mounted.path] })
  }

  /** Takes all mounts away. */
  close(): void {
    this.#mounted.clear()
    for (;;) {
      try {
        umount(this.#root, { detach: true })
      } catch (error) {
        if (["EINVAL", "ENOENT"].includes((error as { code?: string }).code ?? "")) return
        throw error
      }
    }
  }

  #mount(id: number): Mounted | undefined {
    if (this.unable !== undefined || !this.isImage(id)) return undefined
    const { index, archive } = this.#paths.image(id)
    assertWhole({ index, archive })
    if (!isMounted(this.#root)) {
      mkdirSync(this.#root, { recursive: true, mode: 0o700 })
      mount({ source: "layers", target: this.#root, type: "tmpfs", data: "mode=0700" })
      mount({ source: "none", target: this.#root, flags: mountFlags.private })
    }
    const path = join(this.#root, `${id}-${++this.#places}`)
    mkdirSync(path, { mode: 0o700 })
    try {
      mountErofs({ image: index, device: archive, target: path })
    } catch (error) {
      rmdirSync(path)
      throw new Failure("internal", `layer ${index} cannot be mounted: ${messageOf(error)}`, error)
    }
    return { path, asked: 0 }
  }

  #hideIdle(): void {
    const paths: string[] = []
    const since = performance.now() - this.#idle.after
    for (const [id, { path, asked }] of this.#mounted) {
      if (this.#mounted.size <= this.#idle.most || asked > since) break
      this.#mounted.delete(id)
      paths.push(path)
    }
    // What stays mounted costs little, and goes with the rest.
    if (paths.length > 0) this.#chores.call("hide", { paths }).catch(() => {})
  }
}

/**
 * Layers are committed before they are on the disk: what a loss of power in the seconds after has cut off is told.
 * @throws dataLoss
 */
function assertWhole({ index, archive }: LayerImage): void {
  const head = Buffer.alloc(headLength)
  const descriptor = openSync(index, "r")
  try {
    const complete = readSync(descriptor, head, 0, headLength, 0) === headLength
    const { image, data } = expectedLengths(head)
    const archived = statSync(archive, { throwIfNoEntry: false })?.size ?? 0
    if (complete && fstatSync(descriptor).size >= image && archived >= data) return
  } finally {
    closeSync(descriptor)
  }
  throw new Failure(
    "dataLoss",
    `layer ${index} is not whole, as after a loss of power; remove the images that use it, then pull or load them again`,
  )
}

/** Whether anything is mounted at `path`: it lies on another file system than its parent. */
function isMounted(path: string): boolean {
  const here = statSync(path, { throwIfNoEntry: false })
  return here !== undefined && here.dev !== statSync(dirname(path)).dev
}

import { entryTypes, readDirectory } from "../../linux/directory.ts"
import { closeDescriptor, openAt, openFlags } from "../../linux/files.ts"
import { type FileStatus, findAt, statDescriptor } from "../../linux/stat.ts"
import { isDirectory, isOpaque, isWhiteout } from "../layers/overlay-marks.ts"

/** One name in a merged directory. */
export interface MergedEntry {
  readonly name: Buffer
  readonly status: FileStatus
  /** The directory that has it; open as long as the merged one is. */
  readonly parent: number
  /** The number of the layer that has it, 0 at the top. */
  readonly layer: number
}

interface Source {
  readonly descriptor: number
  readonly layer: number
}

const flags = openFlags.directory | openFlags.noFollow

/**
 * A directory as an overlay of layers shows it, read without mounting anything: works on a layer that is in use, and
 * where this thread may not mount. Layers are in overlay's on-disk form without redirects.
 */
export class MergedDirectory implements Disposable {
  readonly #sources: readonly Source[]

  private constructor(sources: readonly Source[]) {
    this.#sources = sources
  }

  /** The root of the tree that `layers` (top first) make up. @throws SystemError */
  static open(layers: readonly string[]): MergedDirectory {
    const sources: Source[] = []
    try {
      for (const [layer, path] of layers.entries()) {
        sources.push({ descriptor: openAt(-100, path, openFlags.directory), layer })
      }
    } catch (error) {
      for (const { descriptor } of sources) closeDescriptor(descriptor)
      throw error
    }
    return new MergedDirectory(sources)
  }

  /** Status of the directory itself: the topmost layer's. */
  get status(): FileStatus {
    return statDescriptor(this.#sources[0]!.descriptor)
  }

  /** The descriptor of the topmost layer's directory. */
  get descriptor(): number {
    return this.#sources[0]!.descriptor
  }

  /** What tells whether two merged directories are made of the same directories. */
  get identity(): string {
    return this.#sources.map(({ descriptor }) => identityOf(statDescriptor(descriptor))).join()
  }

  /** Whether the topmost of all layers has a part in this directory. */
  get touchesTop(): boolean {
    return this.#sources[0]?.layer === 0
  }

  /** All entries, sorted by the bytes of their names. */
  entries(): MergedEntry[] {
    const found = new Map<string, MergedEntry | undefined>()
    for (const { descriptor, layer } of this.#sources) {
      for (const { name, type } of readDirectory(descriptor)) {
        const key = name.toString("latin1")
        if (found.has(key)) continue
        const status = findAt(descriptor, name)
        if (!status) continue
        const hidden = (type === entryTypes.character || type === entryTypes.unknown) && isWhiteout(status)
        found.set(key, hidden ? undefined : { name, status, parent: descriptor, layer })
      }
    }
    return [...found.values()]
      .filter((entry) => entry !== undefined)
      .sort((one, other) => Buffer.compare(one.name, other.name))
  }

  /** The directory `name` within. @returns undefined when it is gone by now @throws SystemError */
  enter(name: Buffer): MergedDirectory | undefined {
    const sources: Source[] = []
    for (const { descriptor, layer } of this.#sources) {
      const status = findAt(descriptor, name)
      if (!status) continue
      if (!isDirectory(status)) break
      const below = openAt(descriptor, name, flags)
      sources.push({ descriptor: below, layer })
      if (isOpaque(below)) break
    }
    return sources.length ? new MergedDirectory(sources) : undefined
  }

  [Symbol.dispose](): void {
    for (const { descriptor } of this.#sources) closeDescriptor(descriptor)
  }
}

export const identityOf = (status: FileStatus): string => `${status.device}:${status.inode}`

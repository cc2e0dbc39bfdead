import {
  AT_FDCWD,
  closeDescriptor,
  makeDirectoryAt,
  openAt,
  openAt2,
  openFlags,
  readLinkAt,
  resolveFlags,
} from "../../linux/files.ts"
import { SystemError } from "../../linux/libc.ts"
import { statDescriptor } from "../../linux/stat.ts"
import { isSymlink } from "../layers/overlay-marks.ts"

/** What lies over a path of a root once the container runs. */
export type Cover =
  /** A directory of the host. */
  | { readonly source: string; readonly readOnly: boolean }
  /** Something that only the runtime mounts, or a file: nothing is known of what is below. */
  | "unknown"

/** A place that a walk has reached. */
export interface Place {
  /** Its path without links, beginning with a slash; bytes as Latin-1 characters. */
  readonly path: string
  /** It was there, or has been made. False for what is below an unknown cover, and for what a read-only cover lacks. */
  readonly there: boolean
}

/** A directory on the way: `descriptor` is absent where nothing is known. */
interface Step {
  readonly name: string
  readonly descriptor?: number
  readonly readOnly: boolean
}

const ELOOP = 40

/** As many links as the kernel follows in one path (path_resolution(7)). */
const mostLinks = 40

/**
 * Walks through a container's root as its processes are going to see it, mounts included, and makes what is missing on the way, links
 * followed to where they lead to within the root. Each step opens one name without following it, and `..` goes back to the
 * directory that the walk came from: whatever is renamed meanwhile, nothing outside of root and covers is opened or made.
 */
export class RootWalk implements Disposable {
  readonly #root: number
  readonly #covers = new Map<string, Cover>()

  /** @param root a directory of the host */
  constructor(root: string) {
    this.#root = openAt(AT_FDCWD, root, openFlags.path | openFlags.directory)
  }

  /** Notes what is going to lie over a place from now on. */
  cover({ path }: Place, cover: Cover): void {
    this.#covers.set(path, cover)
    for (const below of this.#covers.keys()) if (below.startsWith(`${path}/`)) this.#covers.delete(below)
  }

  /**
   * Goes to an absolute path; a last name that is missing becomes what `make` says, names before it directories (0755).
   * @throws SystemError
   */
  reach(path: string, make: "directory" | "file"): Place {
    using walk = new Walk({ name: "", descriptor: this.#root, readOnly: false })
    const left = Buffer.from(path).toString("latin1").split("/").reverse()
    for (let links = 0; left.length > 0; ) {
      const name = left.pop()!
      if (name === "" || name === ".") continue
      if (name === "..") {
        walk.back()
        continue
      }
      const cover = this.#covers.get(walk.pathOf(name))
      if (cover) {
        walk.enter(covered(name, cover))
        continue
      }
      const isLast = left.every((part) => part === "" || part === ".")
      const next = step(walk.here, name, isLast ? make : "directory")
      if (next.target === undefined) {
        walk.enter(next)
        continue
      }
      if (++links > mostLinks) throw new SystemError("open", ELOOP, path)
      if (next.target.startsWith("/")) walk.backToRoot()
      left.push(...next.target.split("/").reverse())
    }
    return { path: walk.path, there: walk.here.descriptor !== undefined }
  }

  [Symbol.dispose](): void {
    closeDescriptor(this.#root)
  }
}

/** The directories between a root, which stays open, and where a walk is. */
class Walk implements Disposable {
  readonly #steps: Step[]

  constructor(root: Step) {
    this.#steps = [root]
  }

  get here(): Step {
    return this.#steps.at(-1)!
  }

  get path(): string {
    return this.#steps.length === 1 ? "/" : this.#steps.map(({ name }) => name).join("/")
  }

  pathOf(name: string): string {
    return `${this.#steps.map((step) => step.name).join("/")}/${name}`
  }

  enter(step: Step): void {
    this.#steps.push(step)
  }

  back(): void {
    if (this.#steps.length === 1) return
    const { descriptor } = this.#steps.pop()!
    if (descriptor !== undefined) closeDescriptor(descriptor)
  }

  backToRoot(): void {
    while (this.#steps.length > 1) this.back()
  }

  [Symbol.dispose](): void {
    this.backToRoot()
  }
}

function covered(name: string, cover: Cover): Step {
  if (cover === "unknown") return { name, readOnly: true }
  return { name, descriptor: openAt(AT_FDCWD, cover.source, openFlags.path), readOnly: cover.readOnly }
}

/** One name further; `target` is that of a link, which has not been followed. */
function step({ descriptor, readOnly }: Step, name: string, make: "directory" | "file"): Step & { target?: string } {
  if (descriptor === undefined) return { name, readOnly }
  const bytes = Buffer.from(name, "latin1")
  for (;;) {
    const found = openName(descriptor, bytes)
    if (found !== undefined) {
      if (!isSymlink(statDescriptor(found))) return { name, descriptor: found, readOnly }
      try {
        return { name, readOnly, target: readLinkAt(found, "").toString("latin1") }
      } finally {
        closeDescriptor(found)
      }
    }
    if (readOnly) return { name, readOnly }
    makeName(descriptor, bytes, make)
  }
}

function openName(directory: number, name: Buffer): number | undefined {
  try {
    return openAt2(
      directory,
      name,
      openFlags.path | openFlags.noFollow,
      resolveFlags.beneath | resolveFlags.noMagicLinks,
    )
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined
    throw error
  }
}

/** Makes what is missing; that it has appeared meanwhile is no error. */
function makeName(directory: number, name: Buffer, make: "directory" | "file"): void {
  try {
    if (make === "directory") makeDirectoryAt(directory, name, 0o755)
    else {
      const flags = openFlags.writeonly | openFlags.create | openFlags.exclusive | openFlags.noFollow
      closeDescriptor(openAt(directory, name, flags, 0o755))
    }
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error
  }
}

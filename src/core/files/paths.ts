import { posix } from "node:path"
import { Failure } from "../../errors/failure.ts"
import { roomAdvice } from "../../errors/no-room.ts"
import {
  closeDescriptor,
  openAt,
  openAt2,
  openFlags,
  type PathBytes,
  readLinkAt,
  resolveFlags,
} from "../../linux/files.ts"
import { SystemError } from "../../linux/libc.ts"
import { type FileStatus, statDescriptor } from "../../linux/stat.ts"
import type { ByteText } from "../layers/entry-path.ts"
import { isDirectory, isSymlink } from "../layers/overlay-marks.ts"
import type { PathStatus } from "./contract.ts"

const rules = resolveFlags.inRoot | resolveFlags.noMagicLinks
const mostLinks = 255

/** An absolute path without doubled slashes, `.` and `..`; a slash or `/.` at its end stays, for it means something. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(`/${path}`).replace(/(.)\/+$/, "$1")
  const open = clean === "/" ? "" : clean
  if (lastComponent(path) === ".") return `${open}/.`
  return path.endsWith("/") ? `${open}/` : clean
}

/** The last component as `basename` gives it, but `.` for a path that ends in it. */
export function lastComponent(path: string): string {
  const bare = path.replace(/\/+$/, "")
  return bare === "" ? "/" : bare.slice(bare.lastIndexOf("/") + 1)
}

/** Opens a path of a tree; nothing leads out of the tree. @throws SystemError */
export const openInRoot = (root: number, path: PathBytes, flags: number): number => openAt2(root, path, flags, rules)

/** Runs `work` with the root of a tree open. */
export function withRoot<T>(path: string, work: (root: number) => T): T {
  const root = openAt(-100, path, openFlags.path | openFlags.directory)
  try {
    return work(root)
  } finally {
    closeDescriptor(root)
  }
}

/** The status of a clean path. @throws Failure notFound · internal */
export function statusOf(root: number, path: string): PathStatus {
  const status = fileStatus(root, path)
  return {
    name: lastComponent(path),
    size: status.size,
    mode: status.mode,
    mtime: status.mtime,
    linkTarget: isSymlink(status) ? resolved(root, path) : "",
  }
}

function fileStatus(root: number, path: string): FileStatus {
  const follow = /\/\.?$/.test(path)
  return told("lstat", path, () => {
    const descriptor = openInRoot(root, path, openFlags.path | (follow ? openFlags.directory : openFlags.noFollow))
    try {
      return statDescriptor(descriptor)
    } finally {
      closeDescriptor(descriptor)
    }
  })
}

/** Where an existing directory is, its links resolved. @throws Failure notFound · invalidArgument */
export function directoryPath(root: number, path: string): string {
  const descriptor = told("lstat", path, () => openInRoot(root, path, openFlags.path))
  try {
    if (!isDirectory(statDescriptor(descriptor)))
      throw new Failure("invalidArgument", "extraction point is not a directory")
  } finally {
    closeDescriptor(descriptor)
  }
  return resolved(root, path)
}

/** A path with its links resolved as text: what does not exist stays as it is named. */
function resolved(root: number, path: string): string {
  const left = bytesText(path).split("/").reverse()
  let done: ByteText[] = []
  let links = 0
  while (left.length > 0) {
    const part = left.pop()!
    if (part === "" || part === ".") continue
    if (part === "..") {
      done.pop()
      continue
    }
    const target = linkTarget(root, [...done, part].join("/"))
    if (target === undefined) {
      done.push(part)
      continue
    }
    if (++links > mostLinks) throw new Failure("internal", `lstat ${path}: too many levels of symbolic links`)
    if (target.startsWith("/")) done = []
    left.push(...target.split("/").reverse())
  }
  return Buffer.from(`/${done.join("/")}`, "latin1").toString()
}

function linkTarget(root: number, path: ByteText): ByteText | undefined {
  let descriptor: number
  try {
    descriptor = openInRoot(root, Buffer.from(path, "latin1"), openFlags.path | openFlags.noFollow)
  } catch {
    return undefined
  }
  try {
    return isSymlink(statDescriptor(descriptor)) ? readLinkAt(descriptor, "").toString("latin1") : undefined
  } finally {
    closeDescriptor(descriptor)
  }
}

const bytesText = (path: string): ByteText => Buffer.from(path).toString("latin1")

const words: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
  ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long",
  EROFS: "read-only file system",
  EBUSY: "device or resource busy",
  ENOSPC: "no space left on device",
  EDQUOT: "disk quota exceeded",
}
const kinds: Readonly<Record<string, Failure["kind"]>> = {
  ENOENT: "notFound",
  EROFS: "permissionDenied",
  EINVAL: "invalidArgument",
  EFBIG: "invalidArgument",
  ENAMETOOLONG: "invalidArgument",
  EOVERFLOW: "invalidArgument",
  ENOSPC: "noSpace",
  EDQUOT: "noSpace",
}

/** Runs `work`; what the kernel refuses is told in words that clients know. */
export function told<T>(verb: string, path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    const why = words[error.code] ?? error.message
    const kind = kinds[error.code] ?? "internal"
    const advice = kind === "noSpace" ? `; df -h in the container shows its disks; ${roomAdvice(error)}` : ""
    throw new Failure(kind, `${verb} ${path}: ${why}${advice}`, error)
  }
}

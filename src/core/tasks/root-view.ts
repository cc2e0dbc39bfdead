import { fstatSync, statSync } from "node:fs"
import { Failure } from "../../errors/failure.ts"
import { closeDescriptor, makeDirectoryAt, openAt, openAt2, openFlags, resolveFlags } from "../../linux/files.ts"
import { mount, mountFlags } from "../../linux/mount.ts"
import type { ViewMount } from "./contract.ts"

const rules = resolveFlags.inRoot | resolveFlags.noMagicLinks

/** A root that stays in reach until it is disposed, with all that is mounted in it, even when its container ends. */
export interface HeldRoot extends Disposable {
  readonly path: string
}

/**
 * A running container's root as its own processes see it, mounts included; without them when its init has taken another
 * directory for its root.
 * @returns undefined when process `pid` has ended
 */
export function holdRootSeenBy(pid: number, rootfs: string): HeldRoot | undefined {
  const flags = openFlags.path | openFlags.directory
  using stack = new DisposableStack()
  const held = (path: string, how: number) => stack.adopt(openAt(-100, path, how), closeDescriptor)
  try {
    // With the last holder of a mount namespace go its mounts: what is written in a volume would come to lie beneath it.
    held(`/proc/${pid}/ns/mnt`, openFlags.readonly)
    const root = held(`/proc/${pid}/root`, flags)
    const [seen, own] = [fstatSync(root, { bigint: true }), statSync(rootfs, { bigint: true })]
    const shown = seen.dev === own.dev && seen.ino === own.ino ? root : held(rootfs, flags)
    const owned = stack.move()
    return { path: `/proc/self/fd/${shown}`, [Symbol.dispose]: () => owned.dispose() }
  } catch {
    return undefined
  }
}

/** Makes a directory of a root that nobody runs in, and its parents, where they are missing and nothing else is in the way. */
export function ensureDirectory(root: string, path: string): void {
  const top = openAt(-100, root, openFlags.path | openFlags.directory)
  try {
    closeDescriptor(openOrMake(top, path, true))
  } catch (error) {
    if (!["ENOTDIR", "EEXIST", "ELOOP"].includes((error as { code?: string }).code ?? "")) throw error
  } finally {
    closeDescriptor(top)
  }
}

/** Mounts a file or directory into a root that nobody runs in; the point to mount on is made where it is missing. */
export function mountInView(root: string, { source, destination, readOnly }: ViewMount): void {
  const isDirectory = statSource(source)
  const top = openAt(-100, root, openFlags.path | openFlags.directory)
  try {
    const target = openOrMake(top, destination, isDirectory)
    try {
      mount({ source, target: `/proc/self/fd/${target}`, flags: mountFlags.bind | mountFlags.recursive })
    } finally {
      closeDescriptor(target)
    }
    const mounted = openAt2(top, destination, openFlags.path, rules)
    try {
      const path = `/proc/self/fd/${mounted}`
      mount({ source: "none", target: path, flags: mountFlags.private | mountFlags.recursive })
      if (readOnly) {
        mount({ source: "none", target: path, flags: mountFlags.bind | mountFlags.remount | mountFlags.readonly })
      }
    } finally {
      closeDescriptor(mounted)
    }
  } finally {
    closeDescriptor(top)
  }
}

function statSource(source: string): boolean {
  try {
    return statSync(source).isDirectory()
  } catch (error) {
    throw new Failure(
      "internal",
      `the source of a mount, ${source}, cannot be used: ${(error as Error).message}`,
      error,
    )
  }
}

/** Opens a path within `top`, making what is missing of it. */
function openOrMake(top: number, path: string, isDirectory: boolean): number {
  const parts = path.split("/").filter(Boolean)
  for (let depth = 1; depth < parts.length + (isDirectory ? 1 : 0); depth++) {
    const upTo = parts.slice(0, depth).join("/")
    if (exists(top, upTo)) continue
    const parent = openAt2(top, parts.slice(0, depth - 1).join("/") || ".", openFlags.directory, rules)
    try {
      makeDirectoryAt(parent, parts[depth - 1]!, 0o755)
    } finally {
      closeDescriptor(parent)
    }
  }
  if (!isDirectory && !exists(top, path)) {
    closeDescriptor(openAt2(top, path, openFlags.writeonly | openFlags.create, rules, 0o755))
  }
  return openAt2(top, path, openFlags.path, rules)
}

function exists(top: number, path: string): boolean {
  try {
    closeDescriptor(openAt2(top, path, openFlags.path, rules))
    return true
  } catch {
    return false
  }
}

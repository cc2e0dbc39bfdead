import { statSync } from "node:fs"
import { Failure } from "../../errors/failure.ts"
import { closeDescriptor, openAt, openAt2, openFlags, resolveFlags } from "../../linux/files.ts"
import { mount, mountFlags } from "../../linux/mount.ts"
import { identityOf } from "../../linux/stat.ts"
import type { ViewMount } from "./contract.ts"
import { RootWalk } from "./root-walk.ts"

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
    const [seen, own] = [held(`/proc/${pid}/root`, flags), held(rootfs, flags)]
    const shown = identityOf(seen) === identityOf(own) ? seen : own
    const owned = stack.move()
    return { path: `/proc/self/fd/${shown}`, [Symbol.dispose]: () => owned.dispose() }
  } catch {
    return undefined
  }
}

/** Makes a directory of a root that nobody runs in, and its parents, where they are missing and nothing else is in the way. */
export function ensureDirectory(root: string, path: string): void {
  using walk = new RootWalk(root)
  try {
    walk.reach(path, "directory")
  } catch (error) {
    if (!["ENOTDIR", "ELOOP"].includes((error as { code?: string }).code ?? "")) throw error
  }
}

/** Mounts a file or directory into a root that nobody runs in; the point to mount on is made where it is missing. */
export function mountInView(root: string, { source, destination, readOnly }: ViewMount): void {
  const kind = statSource(source) ? "directory" : "file"
  using walk = new RootWalk(root)
  const path = Buffer.from(walk.reach(destination, kind).path, "latin1")
  const top = openAt(-100, root, openFlags.path | openFlags.directory)
  try {
    const target = openAt2(top, path, openFlags.path, rules)
    try {
      mount({ source, target: `/proc/self/fd/${target}`, flags: mountFlags.bind | mountFlags.recursive })
    } finally {
      closeDescriptor(target)
    }
    const mounted = openAt2(top, path, openFlags.path, rules)
    try {
      const target = `/proc/self/fd/${mounted}`
      mount({ source: "none", target, flags: mountFlags.private | mountFlags.recursive })
      if (readOnly) {
        mount({ source: "none", target, flags: mountFlags.bind | mountFlags.remount | mountFlags.readonly })
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

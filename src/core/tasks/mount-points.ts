import { statSync } from "node:fs"
import { SystemError } from "../../linux/libc.ts"
import type { RuntimeSpec, SpecMount } from "../../oci/runtime-spec.ts"
import { refuseInProc } from "../../runtime/proc-mounts.ts"
import { Turns } from "../../std/turns.ts"
import { type Cover, RootWalk } from "./root-walk.ts"

/**
 * Makes what the mounts of a container are to lie on, and its working directory, where they are missing: links of the image, dangling ones
 * too, lead to where they point within the root, as with runc (crun refuses those). What cannot be made is left to the runtime, which
 * says why.
 * @throws internal for a mount that would come to lie in /proc
 */
export async function prepareMountPoints(root: string, spec: RuntimeSpec): Promise<void> {
  using walk = new RootWalk(root)
  const turns = new Turns()
  const reach = (path: string, make: "directory" | "file") => {
    try {
      return walk.reach(path, make)
    } catch (error) {
      if (error instanceof SystemError) return undefined
      throw error
    }
  }
  for (const mount of spec.mounts) {
    await turns.pass()
    const kind = kindOf(mount)
    const place = reach(mount.destination, kind)
    if (!place) continue
    refuseInProc(Buffer.from(place.path, "latin1").toString(), mount)
    walk.cover(place, coverOf(mount, kind))
  }
  reach(spec.process.cwd, "directory")
}

const isBind = ({ type, options = [] }: SpecMount): boolean =>
  type === "bind" || options.some((option) => option === "bind" || option === "rbind")

function kindOf(mount: SpecMount): "directory" | "file" {
  if (!isBind(mount)) return "directory"
  const source = statSync(mount.source ?? "", { throwIfNoEntry: false })
  return !source || source.isDirectory() ? "directory" : "file"
}

function coverOf(mount: SpecMount, kind: "directory" | "file"): Cover {
  if (!isBind(mount) || kind === "file") return "unknown"
  const { source = "", options = [] } = mount
  return { source, readOnly: options.includes("ro") || options.includes("rro") }
}

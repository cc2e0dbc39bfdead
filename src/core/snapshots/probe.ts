import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Failure, kindOf, messageOf } from "../../errors/failure.ts"
import { mount, umount } from "../../linux/mount.ts"
import { setXattr } from "../../linux/xattr.ts"
import { exhausted, fullDiskAdvice } from "../metadata/full-disk.ts"

/** What the kernel's overlay can do in one place. */
export interface OverlayAbility {
  /** Whether mounts may skip syncs (Linux 5.10). */
  readonly volatile: boolean
  /** Options that every mount gets. */
  readonly options: readonly string[]
}

export interface DriverChoice {
  readonly driver: "overlay" | "native"
  /** For `info`: why this one. */
  readonly why: string
  readonly ability: OverlayAbility
}

/**
 * Tries overlay under `root` with everything that layers need: a mount, attributes of our own, whiteouts.
 * @param wanted a driver that the configuration names; the best one otherwise
 * @throws noSpace when the disk is too full to try
 */
export function chooseDriver(root: string, wanted?: "overlay" | "native"): DriverChoice {
  if (wanted === "native") return { driver: "native", why: "the configuration names it", ability: none }
  mkdirSync(root, { recursive: true, mode: 0o700 })
  const scratch = mkdtempSync(join(root, "probe-"))
  try {
    const ability = probeOverlay(scratch)
    const why = `overlay works on ${root}${ability.volatile ? ", without syncs where they are not needed" : ""}`
    return { driver: "overlay", why, ability }
  } catch (error) {
    if (kindOf(error) === "noSpace" || exhausted(root)) throw noRoom(root, error)
    const why = `overlay does not work on ${root} (${messageOf(error)}): layers are copied`
    return { driver: "native", why, ability: none }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The failure of a probe for want of room. */
export const noRoom = (root: string, cause: unknown): Failure =>
  new Failure("noSpace", fullDiskAdvice(root, "what it can do for layers was not found out", cause), cause)

const none: OverlayAbility = { volatile: false, options: [] }

function probeOverlay(scratch: string): OverlayAbility {
  for (const name of ["lower", "lower/dir", "upper", "work", "merged"]) mkdirSync(join(scratch, name))
  writeFileSync(join(scratch, "lower/file"), "")
  setXattr(join(scratch, "lower/dir"), "trusted.overlay.opaque", Buffer.from("y"))
  const target = join(scratch, "merged")
  const attempt = (data: readonly string[]) =>
    mount({
      source: "overlay",
      type: "overlay",
      target,
      data: data.join(","),
      overlay: { lower: [join(scratch, "lower")], upper: join(scratch, "upper"), work: join(scratch, "work") },
    })
  let volatile = true
  try {
    attempt(["volatile"])
  } catch (error) {
    // Anything else (no room for the directory that marks such a mount) says nothing of the kernel.
    if ((error as { code?: string }).code !== "EINVAL") throw error
    volatile = false
    attempt([])
  }
  try {
    unlinkSync(join(target, "file"))
    const whiteout = lstatSync(join(scratch, "upper/file"))
    if (!whiteout.isCharacterDevice() || whiteout.rdev !== 0) throw new Error("deletions are not recorded")
  } finally {
    umount(target, { detach: true })
  }
  // Only now: the first mount may have loaded the module that tells its parameters.
  return { volatile, options: kernelOptions() }
}

/**
 * Options that undo what a distribution may have switched on: hard-link indexes tie an upper directory to its first
 * lower ones, redirects and metadata-only copies make an upper directory unreadable without the kernel's help.
 */
function kernelOptions(): string[] {
  const parameter = (name: string): string | undefined => {
    const path = `/sys/module/overlay/parameters/${name}`
    return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined
  }
  return [
    ...(parameter("index") === undefined ? [] : ["index=off"]),
    ...(parameter("redirect_dir") === "Y" ? ["redirect_dir=off"] : []),
    ...(parameter("metacopy") === "Y" ? ["metacopy=off"] : []),
  ]
}

import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { kindOf, messageOf } from "../../errors/failure.ts"
import { mountErofs } from "../../linux/erofs.ts"
import { mount, umount } from "../../linux/mount.ts"
import { encodeErofs } from "../../std/erofs/image.ts"
import { type ErofsNode, erofsBlock } from "../../std/erofs/tree.ts"
import { exhausted } from "../metadata/full-disk.ts"
import { noRoom, type OverlayAbility } from "./probe.ts"

const text = "the data is on the second device\n"

/**
 * Tries what layers need that are mounted from their archives: a file system of a file in `root` with its data in another one, and an
 * overlay on it with a deletion, a file to read and one to write.
 * @returns why it does not work; undefined when it does
 * @throws noSpace when the disk is too full to try
 */
export function whyNoImages(root: string, ability: OverlayAbility): string | undefined {
  const scratch = mkdtempSync(join(root, "probe-"))
  const at = (name: string) => join(scratch, name)
  const mounted: string[] = []
  try {
    for (const name of ["image", "below", "upper", "work", "merged"]) mkdirSync(at(name))
    writeFileSync(at("below/gone"), "")
    writeFileSync(at("data"), Buffer.concat([Buffer.from(text), Buffer.alloc(erofsBlock - text.length)]))
    writeFileSync(at("tree"), encodeErofs(smallTree(), { dataLength: erofsBlock, uuid: Buffer.alloc(16, 1) }).bytes)
    mountErofs({ image: at("tree"), device: at("data"), target: at("image") })
    mounted.push(at("image"))
    mount({
      source: "overlay",
      type: "overlay",
      target: at("merged"),
      data: [...ability.options, ...(ability.volatile ? ["volatile"] : []), "xino=off"].join(","),
      overlay: { lower: [at("image"), at("below")], upper: at("upper"), work: at("work") },
    })
    mounted.push(at("merged"))
    return objection(at("merged"))
  } catch (error) {
    if (kindOf(error) === "noSpace" || exhausted(root)) throw noRoom(root, error)
    return `${messageOf(error)} (needed are Linux 6.12 with EROFS, and a disk with a file system like ext4, xfs or btrfs)`
  } finally {
    for (const path of mounted.reverse()) umount(path, { detach: true })
    rmSync(scratch, { recursive: true, force: true })
  }
}

function smallTree(): ErofsNode {
  const common = { uid: 0, gid: 0, mtime: 0n }
  const file: ErofsNode = { ...common, mode: 0o100644, size: text.length, dataAt: 0 }
  const whiteout: ErofsNode = { ...common, mode: 0o020000, major: 0, minor: 0 }
  return {
    ...common,
    mode: 0o040755,
    children: new Map([
      ["file", file],
      ["gone", whiteout],
    ]),
  }
}

function objection(merged: string): string | undefined {
  const file = join(merged, "file")
  if (readFileSync(file, "latin1") !== text) return "a file that an image points at reads as something else"
  if (existsSync(join(merged, "gone"))) return "an image's deletions mean nothing to an overlay"
  appendFileSync(file, text)
  return readFileSync(file, "latin1") === text + text
    ? undefined
    : "a file of an image cannot be written through an overlay"
}

import { chmodSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { syncFileSystemOf } from "../../linux/files.ts"
import { inheritAttributes } from "../diff/inherit.ts"
import { unpackArchive } from "../diff/layer-sink.ts"
import type { LayerImage } from "./contract.ts"
import { removeTree } from "./trees.ts"

/**
 * Makes a directory of a layer that was put down as an image, for a host that cannot mount it. The image goes when the directory is on
 * the disk: whatever happens before, it is done anew.
 * @param lowerDirs the layers below, nearest first
 */
export async function unpackImage(image: LayerImage, to: string, lowerDirs: readonly string[]): Promise<void> {
  const unfinished = `${to}.new`
  removeTree(unfinished)
  mkdirSync(unfinished)
  chmodSync(unfinished, 0o755)
  const target = { directory: unfinished, overlayForm: true }
  const { implied } = await unpackArchive(image.archive, target, async () => {})
  inheritAttributes(target, implied, lowerDirs)
  syncFileSystemOf(unfinished)
  removeTree(to)
  renameSync(unfinished, to)
  rmSync(image.index)
  rmSync(image.archive)
}

import { chmodSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { syncFileSystemOf } from "../../linux/files.ts"
import type { LayerImage } from "../layers/contract.ts"
import { inheritAttributes } from "../layers/inherit.ts"
import { unpackArchive } from "../layers/layer-sink.ts"
import { removeTree } from "../layers/trees.ts"

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

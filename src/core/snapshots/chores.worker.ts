import { renameSync, rmdirSync } from "node:fs"
import { syncFileSystemOf } from "../../linux/files.ts"
import { umount } from "../../linux/mount.ts"
import { serveCalls } from "../../std/worker-calls.ts"
import { removeTree, treeUsage } from "../layers/trees.ts"
import type { SnapshotChores } from "./chores.ts"
import { copyTree } from "./copy-tree.ts"
import { unpackImage } from "./unpack-image.ts"

serveCalls<SnapshotChores>({
  usage: ({ path }) => treeUsage(path),
  remove: ({ path }) => removeTree(path),
  hide: ({ paths }) => {
    for (const path of paths) {
      try {
        umount(path, { detach: true })
        rmdirSync(path)
      } catch (error) {
        // All of them went together before.
        if (!["EINVAL", "ENOENT"].includes((error as { code?: string }).code ?? "")) throw error
      }
    }
    return null
  },
  unpack: async ({ image, to, lowerDirs }) => {
    await unpackImage(image, to, lowerDirs)
    return null
  },
  copy: ({ from, to }) => {
    const unfinished = `${to}.new`
    removeTree(unfinished)
    copyTree(from, unfinished)
    renameSync(unfinished, to)
    return null
  },
  settle: ({ directory, marker }) => {
    syncFileSystemOf(directory)
    removeTree(marker)
    return null
  },
})

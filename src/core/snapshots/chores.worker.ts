import { renameSync } from "node:fs"
import { AT_FDCWD, closeDescriptor, openAt, openFlags, syncFileSystem } from "../../linux/files.ts"
import { serveCalls } from "../../std/worker-calls.ts"
import type { SnapshotChores } from "./chores.ts"
import { copyTree } from "./copy-tree.ts"
import { removeTree, treeUsage } from "./trees.ts"

serveCalls<SnapshotChores>({
  usage: ({ path }) => treeUsage(path),
  remove: ({ path }) => removeTree(path),
  copy: ({ from, to }) => {
    const unfinished = `${to}.new`
    removeTree(unfinished)
    copyTree(from, unfinished)
    renameSync(unfinished, to)
    return null
  },
  settle: ({ directory, marker }) => {
    const descriptor = openAt(AT_FDCWD, directory, openFlags.directory)
    try {
      syncFileSystem(descriptor)
    } finally {
      closeDescriptor(descriptor)
    }
    removeTree(marker)
    return null
  },
})

import { statfsSync } from "node:fs"

/** What the file system of a directory has none left of for users other than root's reserve; undefined when there is room. */
export function exhausted(directory: string): "space" | "inodes" | undefined {
  const { bavail, files, ffree } = statfsSync(directory)
  if (bavail === 0) return "space"
  // File systems that make inodes as they are needed (btrfs) count none.
  return files > 0 && ffree === 0 ? "inodes" : undefined
}

/** What happened and what to do when the disk of `directory` is full. @param consequence what was not done */
export const fullDiskAdvice = (directory: string, consequence: string): string =>
  `no ${exhausted(directory) === "inodes" ? "inodes" : "space"} left on the disk of ${directory}: ${consequence}; remove what is not needed (barge system prune) or enlarge the disk (see df -h ${directory} and df -i ${directory})`

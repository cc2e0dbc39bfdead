import { readFileSync } from "node:fs"

/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface MountTableEntry {
  readonly mountPoint: string
  /** Its file system, as device number, and the directory of it that is mounted: two mounts with the same have the same files. */
  readonly tree: string
  readonly shared: boolean
  /** It gets what is mounted at its master. */
  readonly slave: boolean
  /** Copies that bind mounts and open_tree(2) make of a tree leave it out, with what is mounted below it. */
  readonly unbindable: boolean
}

/** Everything mounted in this process's namespace, in the order it was mounted. */
export function mountTable(text = readFileSync("/proc/self/mountinfo", "utf8")): MountTableEntry[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const words = line.split(" ")
      const optional = words.slice(6, words.indexOf("-"))
      return {
        mountPoint: unescapeMount(words[4]!),
        tree: `${words[2]} ${words[3]}`,
        shared: optional.some((word) => word.startsWith("shared:")),
        slave: optional.some((word) => word.startsWith("master:")),
        unbindable: optional.includes("unbindable"),
      }
    })
}

/** The mount that `path`, absolute and without links, lies on. */
export function mountHolding(path: string, table = mountTable()): MountTableEntry | undefined {
  let holder: MountTableEntry | undefined
  for (const entry of table) {
    const inside = entry.mountPoint === "/" || path === entry.mountPoint || path.startsWith(`${entry.mountPoint}/`)
    if (inside && entry.mountPoint.length >= (holder?.mountPoint.length ?? 0)) holder = entry
  }
  return holder
}

/** The kernel writes blanks and backslashes of paths in octal. */
export const unescapeMount = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

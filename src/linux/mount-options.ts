import { mountFlags } from "./mount.ts"

const flags = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  sync: 16,
  remount: 32,
  mand: 64,
  dirsync: 128,
  noatime: 1024,
  nodiratime: 2048,
  bind: 4096,
  rbind: 4096 | 16384,
  relatime: 1 << 21,
  strictatime: 1 << 24,
} as const

const cleared = {
  rw: flags.ro,
  suid: flags.nosuid,
  dev: flags.nodev,
  exec: flags.noexec,
  async: flags.sync,
  nomand: flags.mand,
  atime: flags.noatime,
  diratime: flags.nodiratime,
  norelatime: flags.relatime,
  nostrictatime: flags.strictatime,
} as const

const propagation = {
  private: mountFlags.private,
  rprivate: mountFlags.private | mountFlags.recursive,
  shared: mountFlags.shared,
  rshared: mountFlags.shared | mountFlags.recursive,
  slave: mountFlags.slave,
  rslave: mountFlags.slave | mountFlags.recursive,
  unbindable: mountFlags.unbindable,
  runbindable: mountFlags.unbindable | mountFlags.recursive,
} as const

export interface ParsedMountOptions {
  /** Of mount(2), propagation apart. */
  readonly flags: number
  readonly propagation: number
  /** What is left for the file system itself. */
  readonly data: string
}

/** Takes options as mount(8) has them, separated by commas, apart into what the kernel wants where. */
export function parseMountOptions(text: string): ParsedMountOptions {
  let set = 0
  let kind = 0
  const data: string[] = []
  for (const word of text.split(",")) {
    if (word === "" || word === "defaults") continue
    if (Object.hasOwn(flags, word)) set |= flags[word as keyof typeof flags]
    else if (Object.hasOwn(cleared, word)) set &= ~cleared[word as keyof typeof cleared]
    else if (Object.hasOwn(propagation, word)) kind |= propagation[word as keyof typeof propagation]
    else data.push(word)
  }
  return { flags: set, propagation: kind, data: data.join(",") }
}

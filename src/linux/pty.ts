import { fstatSync, statfsSync } from "node:fs"
import { closeDescriptor, openAt, openAt2, openFlags, resolveFlags } from "./files.ts"
import { check, libc, types } from "./libc.ts"

const { i32, u64, ptr } = types
const c = libc({ ioctl: { args: [i32, u64, ptr], returns: i32 } })

/** The third argument is a number. */
const withNumber = libc({ ioctl: { args: [i32, u64, u64], returns: i32 } })

const TIOCSWINSZ = 0x5414
/** Since Linux 4.13. */
const TIOCGPTPEER = 0x5441
const TIOCSPTLCK = 0x4004_5431
const O_RDWR = 2
const O_NOCTTY = 0o400
const O_CLOEXEC = 0o2000000
const DEVPTS_SUPER_MAGIC = 0x1cd1
/** Device 5:2 as stat(2) has it. */
const ptmx = 0x502

export interface WindowSize {
  /** Rows. */
  readonly height: number
  /** Columns. */
  readonly width: number
}

/** Sets a terminal's size by its master; the foreground process group gets SIGWINCH when it changed. @throws SystemError */
export function setWindowSize(master: number, size: WindowSize): void {
  const words = new Uint16Array(new ArrayBuffer(8))
  words[0] = size.height
  words[1] = size.width
  check(c.ioctl(master, TIOCSWINSZ, words), "ioctl(TIOCSWINSZ)")
}

/**
 * Opens a terminal's other side by its master, in whatever mount namespace that is: while it is open the master is not at
 * its end. @returns a close-on-exec descriptor, the caller's to close @throws SystemError
 */
export const openTerminalPeer = (master: number): number =>
  check(withNumber.ioctl(master, BigInt(TIOCGPTPEER), BigInt(O_RDWR | O_NOCTTY | O_CLOEXEC)), "ioctl(TIOCGPTPEER)")

/** Both ends of a new terminal, close-on-exec. */
export interface Terminal {
  readonly master: number
  readonly slave: number
}

/**
 * Makes a terminal in the devpts that a tree has at /dev/pts. Whatever else lies there is not opened.
 * @param root the tree: an O_PATH descriptor
 * @returns undefined when there is no devpts
 * @throws SystemError when it has no room for another terminal
 */
export function openTerminal(root: number): Terminal | undefined {
  const found = findMultiplexer(root)
  if (found === undefined) return undefined
  let master: number
  try {
    master = openAt(-100, `/proc/self/fd/${found}`, openFlags.readwrite | O_NOCTTY)
  } finally {
    closeDescriptor(found)
  }
  try {
    check(c.ioctl(master, TIOCSPTLCK, new Int32Array(2)), "ioctl(TIOCSPTLCK)")
    return { master, slave: openTerminalPeer(master) }
  } catch (error) {
    closeDescriptor(master)
    throw error
  }
}

/** The multiplexer of the tree's devpts, as an O_PATH descriptor; undefined when something else is in its place. */
function findMultiplexer(root: number): number | undefined {
  let found: number
  try {
    found = openAt2(root, "dev/pts/ptmx", openFlags.path, resolveFlags.inRoot | resolveFlags.noMagicLinks)
  } catch {
    return undefined
  }
  const status = fstatSync(found)
  if (
    status.isCharacterDevice() &&
    status.rdev === ptmx &&
    statfsSync(`/proc/self/fd/${found}`).type === DEVPTS_SUPER_MAGIC
  )
    return found
  closeDescriptor(found)
  return undefined
}

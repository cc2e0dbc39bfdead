import { check, libc, types } from "./libc.ts"

const c = libc({ ioctl: { args: [types.i32, types.u64, types.ptr], returns: types.i32 } })

/** The third argument is a number. */
const withNumber = libc({ ioctl: { args: [types.i32, types.u64, types.u64], returns: types.i32 } })

const TIOCSWINSZ = 0x5414
/** Since Linux 4.13. */
const TIOCGPTPEER = 0x5441
const O_RDWR = 2
const O_NOCTTY = 0o400
const O_CLOEXEC = 0o2000000

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

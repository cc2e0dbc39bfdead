import { check, libc, types } from "./libc.ts"

const { i32, u64, ptr } = types
const c = libc({ ioctl: { args: [i32, u64, ptr], returns: i32 } })

/** The third argument is a number. */
const withNumber = libc({ ioctl: { args: [i32, u64, u64], returns: i32 } })

const TIOCSWINSZ = 0x5414

/** Requests to a terminal's master: `lock` with the address of 0 lets its other side be opened, `peer` (since Linux 4.13) opens it. */
export const terminalRequests = { lock: 0x4004_5431, peer: 0x5441 } as const

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
  check(
    withNumber.ioctl(master, BigInt(terminalRequests.peer), BigInt(O_RDWR | O_NOCTTY | O_CLOEXEC)),
    "ioctl(TIOCGPTPEER)",
  )

/** Both ends of a new terminal, close-on-exec. */
export interface Terminal {
  readonly master: number
  readonly slave: number
}

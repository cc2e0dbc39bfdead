import { check, libc, types } from "./libc.ts"

const c = libc({ ioctl: { args: [types.i32, types.u64, types.ptr], returns: types.i32 } })

const TIOCSWINSZ = 0x5414

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

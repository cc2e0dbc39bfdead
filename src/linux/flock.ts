import { check, errno, libc, SystemError, types } from "./libc.ts"

const c = libc({ flock: { args: [types.i32, types.i32], returns: types.i32 } })

const LOCK_EX = 2
const LOCK_NB = 4
const LOCK_UN = 8
const EINTR = 4
const EAGAIN = 11

/**
 * Takes the whole-file exclusive lock of flock(2) on an open descriptor without waiting. The lock belongs to the open
 * file: the kernel drops it when the last descriptor closes, so a process that is killed leaves none behind.
 * @returns false when somebody else holds it @throws SystemError
 */
export function tryLock(fd: number): boolean {
  for (;;) {
    if (c.flock(fd, LOCK_EX | LOCK_NB) === 0) return true
    const number = errno()
    if (number === EAGAIN) return false
    if (number !== EINTR) throw new SystemError("flock", number, `descriptor ${fd}`)
  }
}

/** Gives the lock back. @throws SystemError */
export const unlock = (fd: number): void => void check(c.flock(fd, LOCK_UN), "flock", `descriptor ${fd}`)

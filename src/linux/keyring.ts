import { libc, types } from "./libc.ts"

const c = libc({ syscall: { args: [types.i64, types.i64, types.i64], returns: types.i64 } })

const SYS_keyctl = process.arch === "arm64" ? 219 : 250
const KEYCTL_JOIN_SESSION_KEYRING = 1

/**
 * Gives this thread, and the processes it starts, a new and empty session keyring (keyctl(2)): what whoever started this
 * program keeps in theirs is out of reach. Kernels without keys have nothing to leave.
 */
export function leaveSessionKeyring(): void {
  c.syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0)
}

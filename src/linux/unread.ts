import { libc, types } from "./libc.ts"

const c = libc({ ioctl: { args: [types.i32, types.u64, types.ptr], returns: types.i32 } })

const SIOCOUTQ = 0x5411
const count = new Int32Array(1)

/**
 * Bytes, in the kernel's count, that were sent on a unix socket and that its other side has not read yet (unix(7), SIOCOUTQ); on TCP,
 * those not acknowledged. 0 when the system does not say.
 */
export function unreadBytes(descriptor: number): number {
  return c.ioctl(descriptor, BigInt(SIOCOUTQ), count) === 0 ? count[0]! : 0
}

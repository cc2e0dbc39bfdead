import { libc, types } from "./libc.ts"

const c = libc({ listen: { args: [types.i32, types.i32], returns: types.i32 } })

/** More than any kernel's limit, which then counts (net.core.somaxconn). */
const most = 65_535

/**
 * Lets as many connections wait for a listening socket as the kernel's settings allow. Bun's own 512 are soon full when this process
 * does not get the processor for a while, and then a unix socket refuses every further client (EAGAIN of connect(2)).
 */
export function lengthenListenQueue(descriptor: number): void {
  c.listen(descriptor, most)
}

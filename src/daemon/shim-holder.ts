import { messageOf } from "../errors/failure.ts"
import { copyDescriptor } from "../linux/pidfd.ts"
import type { DescriptorHolder } from "../network/contract.ts"
import type { Shim } from "../shim/contract.ts"
import type { Log } from "../std/log.ts"

/** Lets the shim hold descriptors, so that they survive this daemon; a new shim gets them again. */
export function shimHolder(shim: Shim, log: Log): DescriptorHolder & Disposable {
  const held = new Map<string, readonly number[]>()
  const tell = (what: Promise<void>) => {
    what.catch((error) => log.warn("descriptors are not held beyond this daemon", { error: messageOf(error) }))
  }
  const end = shim.on((event) => {
    if (event.type !== "reconnected" || !event.replaced) return
    log.warn(
      "the shim had ended and was started again; containers ran on, their output meanwhile was kept by the pipes",
      {
        pid: shim.pid,
      },
    )
    for (const [key, descriptors] of held) tell(shim.hold(key, descriptors))
  })
  return {
    hold: (key, descriptors) => {
      held.set(key, descriptors)
      tell(shim.hold(key, descriptors))
    },
    release: (key) => {
      if (held.delete(key)) tell(shim.release(key))
    },
    recover: async () => {
      const found = new Map<string, readonly number[]>()
      for (const [key, theirs] of Object.entries(await shim.held())) {
        held.set(key, [])
        try {
          const copies = theirs.map((descriptor) => copyDescriptor(shim.pid, descriptor))
          held.set(key, copies)
          found.set(key, copies)
        } catch (error) {
          log.warn("a descriptor that the shim holds cannot be had", { key, error: messageOf(error) })
        }
      }
      return found
    },
    [Symbol.dispose]: () => void end(),
  }
}

import { randomBytes } from "node:crypto"
import { closeSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { wouldBlock } from "../linux/descriptor.ts"
import { receiveDescriptors } from "../linux/scm-rights.ts"
import { acceptNow, listenUnix } from "../linux/unix-socket.ts"

/**
 * The socket on which a runtime hands over a terminal's master (runc's `docs/terminals.md`). The runtime has sent it when
 * it exits, so that nothing has to be awaited here.
 */
export class ConsoleSocket implements Disposable {
  readonly path: string
  readonly #listener: number

  constructor(folder: string) {
    this.path = join(folder, randomBytes(6).toString("hex"))
    this.#listener = listenUnix(this.path)
  }

  /** The master that has arrived. @throws internal when none has */
  take(): number {
    const socket = acceptNow(this.#listener)
    if (socket === wouldBlock) throw new Failure("internal", "the runtime did not hand over the terminal")
    try {
      const [master, ...others] = receiveDescriptors(socket)?.descriptors ?? []
      for (const descriptor of others) closeSync(descriptor)
      if (master === undefined) throw new Failure("internal", "the runtime handed over no terminal")
      return master
    } finally {
      closeSync(socket)
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#listener)
    rmSync(this.path, { force: true })
  }
}

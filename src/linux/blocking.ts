import { startWorker } from "../std/worker.ts"
import type { BlockingCall } from "./blocking.worker.ts"
import type { MountRequest } from "./mount.ts"

interface Answer {
  readonly id: number
  readonly error?: { readonly code?: string; readonly message: string }
}

/** A thread for kernel calls that may block: unmounting after writes, deleting trees. Calls run one after the other. */
export class BlockingCalls implements Disposable {
  #worker: Worker | undefined
  #next = 1
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()

  /** Detaches every mount at `target`; a target that is not mounted is not an error. */
  async unmount(target: string): Promise<void> {
    try {
      await this.#call({ kind: "umount", target })
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== "EINVAL" && code !== "ENOENT") throw error
    }
  }

  /** Deletes `path` and everything below; a missing path is not an error. */
  removeTree(path: string): Promise<void> {
    return this.#call({ kind: "removeTree", path })
  }

  /** mount(2): of a file system whose server may not answer. */
  mount(request: MountRequest): Promise<void> {
    return this.#call({ kind: "mount", request })
  }

  #call(call: BlockingCall): Promise<void> {
    this.#worker ??= this.#start()
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker!.postMessage({ id, call })
    })
  }

  #start(): Worker {
    const worker = startWorker("linux/blocking")
    worker.onmessage = (message: MessageEvent<Answer>) => {
      const { id, error } = message.data
      const waiter = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) waiter?.reject(Object.assign(new Error(error.message), { code: error.code }))
      else waiter?.resolve()
    }
    worker.unref()
    return worker
  }

  [Symbol.dispose](): void {
    this.#worker?.terminate()
    for (const { reject } of this.#waiting.values()) reject(new Error("the blocking thread was ended"))
    this.#waiting.clear()
  }
}

import { decompress, peek } from "../../std/compression.ts"
import type { Scope } from "../scope.ts"
import type { Files, PathStatus, UnpackOptions } from "./contract.ts"
import { type FileThread, FileThreads } from "./threads.ts"

/** Files in threads, which live only while there is work. */
export class ThreadedFiles implements Files, Disposable {
  readonly #threads = new FileThreads()

  async usage(directory: string): Promise<number> {
    return await this.#threads.choose().call("usage", directory)
  }

  async status(root: string, path: string): Promise<PathStatus> {
    return await this.#threads.choose().call("status", { root, path })
  }

  async directory(root: string, path: string): Promise<string> {
    return await this.#threads.choose().call("directory", { root, path })
  }

  async pack(scope: Scope, root: string, path: string) {
    const thread = this.#threads.choose()
    const hold = thread.hold()
    try {
      const { stream, status } = await thread.call("startPack", { root, path })
      return { status, chunks: this.#packed(scope, thread, stream, hold) }
    } catch (error) {
      hold[Symbol.dispose]()
      throw error
    }
  }

  async *#packed(scope: Scope, thread: FileThread, stream: number, hold: Disposable): AsyncGenerator<Uint8Array> {
    using _ = hold
    try {
      for (;;) {
        scope.signal?.throwIfAborted()
        const bytes = await thread.call("packed", stream)
        if (bytes === null) return
        yield bytes
      }
    } finally {
      await thread.call("endPack", stream).catch(() => {})
    }
  }

  async unpack(
    scope: Scope,
    root: string,
    directory: string,
    archive: AsyncIterable<Uint8Array>,
    options: UnpackOptions,
  ): Promise<void> {
    const thread = this.#threads.choose()
    using _ = thread.hold()
    const stream = await thread.call("startUnpack", { root, path: directory, options })
    let complete = false
    try {
      const { compression, stream: whole } = await peek(archive)
      for await (const bytes of decompress(whole, compression)) {
        scope.signal?.throwIfAborted()
        await thread.call("unpack", { stream, bytes })
      }
      complete = true
    } finally {
      await thread.call("endUnpack", { stream, complete })
    }
  }

  [Symbol.dispose](): void {
    this.#threads[Symbol.dispose]()
  }
}

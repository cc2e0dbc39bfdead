import { decompress, peek } from "../../std/compression.ts"
import { WorkerCalls } from "../../std/worker-calls.ts"
import type { Scope } from "../scope.ts"
import type { FileCalls } from "./calls.ts"
import type { Files, PathStatus, UnpackOptions } from "./contract.ts"

/** Files in a thread of its own, which lives only while there is work. */
export class ThreadedFiles implements Files, Disposable {
  readonly #calls = new WorkerCalls<FileCalls>("core/files/files")

  usage(directory: string): Promise<number> {
    return this.#calls.call("usage", directory)
  }

  status(root: string, path: string): Promise<PathStatus> {
    return this.#calls.call("status", { root, path })
  }

  directory(root: string, path: string): Promise<string> {
    return this.#calls.call("directory", { root, path })
  }

  async pack(scope: Scope, root: string, path: string) {
    const hold = this.#calls.hold()
    try {
      const { stream, status } = await this.#calls.call("startPack", { root, path })
      return { status, chunks: this.#packed(scope, stream, hold) }
    } catch (error) {
      hold[Symbol.dispose]()
      throw error
    }
  }

  async *#packed(scope: Scope, stream: number, hold: Disposable): AsyncGenerator<Uint8Array> {
    using _ = hold
    try {
      for (;;) {
        scope.signal?.throwIfAborted()
        const bytes = await this.#calls.call("packed", stream)
        if (bytes === null) return
        yield bytes
      }
    } finally {
      await this.#calls.call("endPack", stream).catch(() => {})
    }
  }

  async unpack(
    scope: Scope,
    root: string,
    directory: string,
    archive: AsyncIterable<Uint8Array>,
    options: UnpackOptions,
  ): Promise<void> {
    using _ = this.#calls.hold()
    const stream = await this.#calls.call("startUnpack", { root, path: directory, options })
    let complete = false
    try {
      const { compression, stream: whole } = await peek(archive)
      for await (const bytes of decompress(whole, compression)) {
        scope.signal?.throwIfAborted()
        await this.#calls.call("unpack", { stream, bytes })
      }
      complete = true
    } finally {
      await this.#calls.call("endUnpack", { stream, complete })
    }
  }

  [Symbol.dispose](): void {
    this.#calls[Symbol.dispose]()
  }
}

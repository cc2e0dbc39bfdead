import { Failure } from "../../errors/failure.ts"
import type { GrowingBlob } from "../content/contract.ts"

/** How far a download has come, for who reads along. */
export class Growth implements GrowingBlob {
  readonly path: string
  readonly #broken = new AbortController()
  readonly #listeners = new Set<(bytes: number) => void>()
  #bytes = 0

  constructor(path: string) {
    this.path = path
  }

  get broken(): AbortSignal {
    return this.#broken.signal
  }

  watch(listener: (bytes: number) => void): Disposable {
    this.#listeners.add(listener)
    listener(this.#bytes)
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) }
  }

  /** So many bytes are in the file. Fewer than there were: what there was is not what it should be. */
  reached(bytes: number): void {
    if (bytes < this.#bytes) this.break()
    this.#bytes = bytes
    for (const listener of this.#listeners) listener(bytes)
  }

  /** Nothing more comes, and what came is not to be used. */
  break(): void {
    this.#broken.abort(new Failure("cancelled", "the download has begun again"))
  }
}

import { closeDescriptor, setTimes, truncate, writeAll } from "../../linux/files.ts"
import type { TarEntry } from "../../std/tar/entry.ts"
import { setMetadata } from "./entry-metadata.ts"

/** The file that an archive's current entry is written into; one at a time, or none. */
export class EntryFile implements Disposable {
  #open: { readonly descriptor: number; readonly entry: TarEntry } | undefined
  #position = 0

  get isOpen(): boolean {
    return this.#open !== undefined
  }

  /** Takes over the descriptor of an empty file. */
  begin(descriptor: number, entry: TarEntry): void {
    this.#open = { descriptor, entry }
    this.#position = 0
  }

  /** Writes a part of the content; parts of a sparse file leave holes between them. */
  write(bytes: Uint8Array, offset: number): void {
    const { descriptor } = this.#open!
    if (offset === this.#position) {
      writeAll(descriptor, bytes)
      this.#position += bytes.length
    } else writeAll(descriptor, bytes, offset)
  }

  /** Gives the file its length and attributes. */
  finish(): void {
    const { descriptor, entry } = this.#open!
    if (entry.sparse) truncate(descriptor, entry.size)
    setMetadata(descriptor, entry)
    setTimes(descriptor, entry.mtime)
  }

  /** Closes the file, finished or not. */
  [Symbol.dispose](): void {
    const open = this.#open
    this.#open = undefined
    if (open) closeDescriptor(open.descriptor)
  }
}

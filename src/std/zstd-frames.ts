/**
 * Follows the frames of a zstd stream (RFC 8878, section 3.1) without unpacking them, to know whether the stream ends
 * with a whole frame: decoders do not tell when blocks are missing at the end.
 */
export class ZstdFrames {
  #state: "magic" | "descriptor" | "skippable" | "block" | "skip" = "magic"
  readonly #field = Buffer.alloc(4)
  #have = 0
  #skip = 0
  #checksum = 0
  #after: "magic" | "block" = "magic"

  /** Whether all bytes so far are whole frames. */
  get complete(): boolean {
    return this.#state === "magic" && this.#have === 0
  }

  push(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#state === "skip") {
        const taken = Math.min(this.#skip, bytes.length - at)
        at += taken
        this.#skip -= taken
        if (this.#skip === 0) this.#state = this.#after
        continue
      }
      this.#field[this.#have++] = bytes[at++]!
      this.#step()
    }
  }

  #step(): void {
    const needed = { magic: 4, descriptor: 1, skippable: 4, block: 3, skip: 0 }[this.#state]
    if (this.#have < needed) return
    this.#have = 0
    if (this.#state === "magic") {
      this.#state = this.#field[0] === 0x28 ? "descriptor" : "skippable"
    } else if (this.#state === "skippable") this.#jump(this.#field.readUInt32LE(0), "magic")
    else if (this.#state === "descriptor") {
      const descriptor = this.#field[0]!
      const single = (descriptor & 0x20) !== 0
      this.#checksum = descriptor & 0x04 ? 4 : 0
      const sizeFlag = descriptor >> 6
      const size = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag
      const dictionary = [0, 1, 2, 4][descriptor & 3]!
      this.#jump((single ? 0 : 1) + dictionary + size, "block")
    } else {
      const header = this.#field.readUIntLE(0, 3)
      const last = (header & 1) === 1
      const repeated = ((header >> 1) & 3) === 1
      const length = (repeated ? 1 : header >> 3) + (last ? this.#checksum : 0)
      this.#jump(length, last ? "magic" : "block")
    }
  }

  #jump(length: number, after: "magic" | "block"): void {
    this.#skip = length
    this.#after = after
    this.#state = length === 0 ? after : "skip"
  }
}

/** A sender that can be told to wait. */
export interface Guest {
  hold(): void
  go(): void
}

/**
 * Bounds the bytes that many senders together have under way. While the room is used up every sender is held; as bytes are given
 * back senders go on in the order in which they were held. A slow sender occupies only the bytes that it has sent.
 */
export class SharedRoom {
  readonly #bytes: number
  readonly #going = new Set<Guest>()
  readonly #held = new Set<Guest>()
  #used = 0

  /** @param bytes how many may be under way; each sender may exceed it by what is in its next read */
  constructor(bytes: number) {
    this.#bytes = bytes
  }

  /** Bytes under way. */
  get used(): number {
    return this.#used
  }

  /** Adds a sender, which must `leave` when it has ended. It is held at once when the room is used up. */
  enter(guest: Guest): void {
    this.#going.add(guest)
    if (this.#used >= this.#bytes) this.#hold(guest)
  }

  leave(guest: Guest): void {
    this.#going.delete(guest)
    this.#held.delete(guest)
  }

  /** Counts bytes that have come. */
  take(bytes: number): void {
    this.#used += bytes
    if (this.#used >= this.#bytes) for (const guest of [...this.#going]) this.#hold(guest)
  }

  /** Counts bytes that are done with. */
  give(bytes: number): void {
    if (bytes === 0) return
    this.#used -= bytes
    if (this.#used >= this.#bytes) return
    // A sender that goes on may have nothing to send: with much room left nobody waits for it.
    let turns = this.#used <= this.#bytes / 2 ? Number.POSITIVE_INFINITY : 1
    for (const guest of [...this.#held]) {
      if (turns-- <= 0) return
      this.#held.delete(guest)
      this.#going.add(guest)
      guest.go()
    }
  }

  #hold(guest: Guest): void {
    this.#going.delete(guest)
    this.#held.add(guest)
    guest.hold()
  }
}

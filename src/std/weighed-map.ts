/** A map whose entries have weights: once they weigh more than its limit together, those that were put in first are dropped. */
export class WeighedMap<Key, Value> {
  readonly #limit: number
  readonly #entries = new Map<Key, { readonly value: Value; readonly weight: number }>()
  #weight = 0

  /** @param limit what all entries may weigh together, in the unit that the caller weighs in */
  constructor(limit: number) {
    this.#limit = limit
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)?.value
  }

  /** Puts an entry in, in place of an earlier one of the same key. One that is heavier than the limit is not kept. */
  set(key: Key, value: Value, weight: number): void {
    this.delete(key)
    if (weight > this.#limit) return
    this.#entries.set(key, { value, weight })
    this.#weight += weight
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#limit) return
      this.delete(oldest)
    }
  }

  delete(key: Key): void {
    this.#weight -= this.#entries.get(key)?.weight ?? 0
    this.#entries.delete(key)
  }
}
